import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { connectRedis, type RedisLinks, RedisUnavailable } from '../../src/infra/redis.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

/** The longest that a command waits for a link that is away. */
const LINK_WAIT_MS = 300;

let redis: TestRedis;
let links: RedisLinks;

beforeAll(async () => {
  redis = await startRedis();
  links = await connectRedis(redis.url);
});
afterAll(async () => {
  await links.close();
  await redis[Symbol.asyncDispose]();
});

test('a silent Redis is given up after the silence, and no later', async () => {
  redis.pause();
  using watch = new StandstillWatch();
  const askedAtMs = performance.now();
  await expect(links.send(300, 'key', (client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
  expect(performance.now() - askedAtMs).toBeGreaterThanOrEqual(299);
  expect(performance.now() - askedAtMs - watch.between(askedAtMs)).toBeLessThan(1_500);
  redis.resume();
  await expect(links.send(5_000, 'key', (client) => client.ping())).resolves.toBe('PONG');
});

test('an answer that is there already counts, however long this process was busy', async () => {
  await links.send(5_000, 'key', (client) => client.ping());
  const answer = links.send(300, 'key', (client) => client.ping());
  const untilMs = performance.now() + 600;
  await new Promise((resolve) => {
    setImmediate(() => {
      while (performance.now() < untilMs);
      resolve(undefined);
    });
  });
  await expect(answer).resolves.toBe('PONG');
});

test('a command that finds the connection dropped waits until it is back, and those behind it in order', async () => {
  const down = Promise.withResolvers<void>();
  const dropped = await connectRedis(redis.url, { onDown: () => down.resolve() });
  try {
    await dropped.send(300, 'list', (client) => client.del('list'));
    await redis.command('CLIENT KILL TYPE normal');
    await down.promise;
    const numbers = Array.from({ length: 100 }, (_, index) => String(index));
    const push = (number: string) => dropped.send(300, 'list', (client) => client.rpush('list', number));
    const pushes = numbers.map(push);
    // The first moment of the new link: those that wait are still before it.
    while (dropped.primaryOf('list')?.isReady !== true) await nextTurn();
    numbers.push('100');
    pushes.push(push('100'));
    expect(await Promise.all(pushes)).toEqual(numbers.map((_, index) => index + 1));
    expect(await dropped.send(300, 'list', (client) => client.lrange('list', 0, -1))).toEqual(numbers);
  } finally {
    await dropped.close();
  }
});

test('what waited for one Redis does not go to another one that stands in its place', async () => {
  const own = await startRedis();
  const downs: string[] = [];
  const replaced = await connectRedis(own.url, { onDown: (reason) => downs.push(reason) });
  try {
    await own.kill();
    await expect.poll(() => downs.length, { interval: 1 }).toBeGreaterThan(0);
    const starts = own.start();
    // Asked again and again, so that somebody waits when the link is back.
    const outcomes: string[] = [];
    await expect
      .poll(
        async () => {
          const asked = replaced.primaryOf('key')?.isReady === true ? 'of the new one' : 'of the old one';
          const outcome = await replaced
            .send(300, 'key', (client) => client.incr('key'))
            .then(
              () => 'ran',
              () => 'failed',
            );
          outcomes.push(`${outcome} ${asked}`);
          return outcome;
        },
        { interval: 1, timeout: 10_000 },
      )
      .toBe('ran');
    expect(outcomes).not.toContain('ran of the old one');
    await starts;
  } finally {
    await replaced.close();
    await own[Symbol.asyncDispose]();
  }
});

test('while Redis is gone a command fails after the silence or 300 ms, as do many together', async () => {
  await redis.kill();
  await expect.poll(() => links.primaryOf('key')?.isReady).toBe(false);
  using watch = new StandstillWatch();
  const failsAfterMs = async (silenceMs: number): Promise<number> => {
    const askedAtMs = performance.now();
    await expect(links.send(silenceMs, 'key', (client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
    const ms = performance.now() - askedAtMs;
    return Math.max(Math.min(ms, silenceMs, LINK_WAIT_MS), ms - watch.between(askedAtMs));
  };
  for (const [silenceMs, limitMs] of [
    [300, 300],
    [5_000, 300],
    [50, 50],
  ] as const) {
    const ms = await failsAfterMs(silenceMs);
    expect(ms, `of ${silenceMs} ms`).toBeGreaterThanOrEqual(limitMs - 1);
    expect(ms, `of ${silenceMs} ms`).toBeLessThan(limitMs + 200);
  }
  const together = await Promise.all(Array.from({ length: 1_000 }, () => failsAfterMs(5_000)));
  expect(Math.min(...together)).toBeGreaterThanOrEqual(299);
  expect(Math.max(...together)).toBeLessThan(1_500);
  await redis.start();
  await expect.poll(() => links.health()).toBe('ok');
});

test('no more than 10 000 commands wait for a link', async () => {
  await redis.kill();
  await expect.poll(() => links.primaryOf('key')?.isReady).toBe(false);
  const ask = (): Promise<string> => links.send(300, 'key', (client) => client.ping()).catch((error) => String(error));
  const outcomes: string[] = [];
  const waits = Array.from({ length: 10_000 }, async () => void outcomes.push(await ask()));
  expect(await ask()).toContain('wait for Redis already');
  expect(outcomes).toEqual([]);
  await Promise.all(waits);
  expect(outcomes.filter((outcome) => !outcome.startsWith('RedisUnavailable'))).toEqual([]);
  await redis.start();
  await expect.poll(() => links.health()).toBe('ok');
});

test('what waits when the links are closed fails at once', async () => {
  const own = await startRedis();
  const closed = await connectRedis(own.url);
  await own.kill();
  await expect.poll(() => closed.primaryOf('key')?.isReady).toBe(false);
  using watch = new StandstillWatch();
  const askedAtMs = performance.now();
  const waits = expect(closed.send(300, 'key', (client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
  await closed.close();
  await waits;
  expect(performance.now() - askedAtMs - watch.between(askedAtMs)).toBeLessThan(200);
  await own[Symbol.asyncDispose]();
});
