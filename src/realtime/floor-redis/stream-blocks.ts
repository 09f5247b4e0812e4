import type { RedisLinks } from '../../infra/redis.ts';

const SILENCE_MS = 300;

/**
 * Takes blocks of stream numbers for all processes of a deployment. A counter that was lost begins anew at Redis's
 * seconds, ahead of all that was used before: fewer than one block a second is used.
 */
export function createRedisBlocks(links: RedisLinks, keyPrefix: string, size: number): () => Promise<number> {
  const key = `${keyPrefix}streams`;
  return async () => {
    const [seconds] = await links.send(SILENCE_MS, key, (redis) => redis.time());
    await links.send(SILENCE_MS, key, (redis) => redis.set(key, Number(seconds) * size, 'NX'));
    const end = await links.send(SILENCE_MS, key, (redis) => redis.incrby(key, size));
    return end - size;
  };
}
