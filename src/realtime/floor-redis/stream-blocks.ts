import type { RedisLinks } from '../../infra/redis.ts';

const SILENCE_MS = 300;

/**
 * Takes blocks of stream numbers for all processes of a deployment. A counter that was lost begins anew at Redis's
 * seconds, ahead of all that was used before: fewer than one block a second is used.
 */
export function createRedisBlocks(links: RedisLinks, keyPrefix: string, size: number): () => Promise<number> {
  const key = `${keyPrefix}streams`;
  return async () => {
    const [seconds] = await links.within(SILENCE_MS, links.commands.time());
    await links.within(SILENCE_MS, links.commands.set(key, Number(seconds) * size, 'NX'));
    const end = await links.within(SILENCE_MS, links.commands.incrby(key, size));
    return end - size;
  };
}
