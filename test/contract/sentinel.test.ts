import { expect, test } from 'vitest';
import { connectRedis } from '../../src/infra/redis.ts';
import { StoreLives } from '../../src/realtime/floor-redis/index.ts';
import { startRedis, startSentinel } from '../_support/redis.ts';
import { until } from '../_support/until.ts';

const SILENCE_MS = 1_000;
const FAIL_OVER_MS = 20_000;

test('the primary that the Sentinels name is used; after a fail-over the new one, in a new life', async () => {
  await using primary = await startRedis();
  await using replica = await startRedis();
  await replica.command(`REPLICAOF 127.0.0.1 ${primary.port}`);
  await until(async () => (await replica.command('INFO replication')).includes('master_link_status:up'), {
    limitMs: 10_000,
    describe: () => 'the replica follows the primary',
  });
  await using sentinel = await startSentinel(primary, 'neda');
  // It asks the primary for its replicas in its own time.
  await until(async () => (await sentinel.command('INFO sentinel')).includes('slaves=1'), {
    limitMs: 15_000,
    describe: () => 'the Sentinel knows the replica',
  });
  const links = await connectRedis(sentinel.url);
  try {
    let generation = 0;
    const known = new Set<string>();
    const lives = new StoreLives({
      links,
      keyPrefix: '',
      leaseMs: 6_000,
      raiseGeneration: async ({ runId, isEmpty }) => {
        if (isEmpty || !known.has(runId)) generation += 1;
        known.add(runId);
        return generation;
      },
    });
    await lives.meet(links.primaries);
    expect(lives.of('any').generation).toBe(1);
    const gaps: number[] = [];
    await links.subscribe('channel', 2_000, { onMessage() {}, onGap: () => gaps.push(1) });
    await links.send(SILENCE_MS, 'key', (redis) => redis.set('key', 'kept'));
    await expect.poll(() => replica.command('GET key')).toContain('kept');
    await primary.kill();
    await expect
      .poll(() => links.send(SILENCE_MS, 'key', (redis) => redis.set('key', 'new')).catch(() => 'not yet'), {
        timeout: FAIL_OVER_MS,
      })
      .toBe('OK');
    expect(await replica.command('GET key')).toContain('new');
    await expect.poll(() => gaps).toEqual([1]);
    await lives.meet(links.primaries);
    expect(lives.of('any').generation).toBe(2);
  } finally {
    await links.close();
  }
});
