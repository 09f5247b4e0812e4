import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisLinks, RedisUnavailable } from '../../src/infra/redis.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

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
  const askedAtMs = performance.now();
  await expect(links.send(300, 'key', (client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
  expect(performance.now() - askedAtMs).toBeGreaterThanOrEqual(299);
  expect(performance.now() - askedAtMs).toBeLessThan(1_500);
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

test('while the link is away a command fails at once', async () => {
  await redis.kill();
  await expect.poll(() => links.primaryOf('key')?.isReady).toBe(false);
  const askedAtMs = performance.now();
  await expect(links.send(300, 'key', (client) => client.ping())).rejects.toBeInstanceOf(RedisUnavailable);
  expect(performance.now() - askedAtMs).toBeLessThan(100);
  await redis.start();
  await expect.poll(() => links.health(), { timeout: 5_000 }).toBe('ok');
});
