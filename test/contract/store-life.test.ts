import { v7 as uuid } from 'uuid';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import { RedisFloorStore, type StoreLife, StoreLives } from '../../src/realtime/floor-redis/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { patient } from './floor-store/redis-harness.ts';
import { person } from './floor-store/scene.ts';

const keyPrefix = 'life:';
const LEASE_MS = 6_000;

let redis: TestRedis;
let opened: RedisLinks[];
/** As PostgreSQL counts: an empty store is another one, whoever asks. */
let generation: number;

beforeEach(async () => {
  redis = await startRedis();
  opened = [];
  generation = 0;
});
afterEach(async () => {
  await Promise.all(opened.map((links) => links.close()));
  await redis[Symbol.asyncDispose]();
});

async function open(): Promise<RedisLinks> {
  const links = await connectRedis(redis.url);
  opened.push(links);
  return links;
}

function livesOf(links: RedisLinks): StoreLives {
  return new StoreLives({
    links,
    keyPrefix,
    leaseMs: LEASE_MS,
    raiseGeneration: async ({ isEmpty }) => (isEmpty ? (generation += 1) : generation),
  });
}

async function meet(links: RedisLinks): Promise<StoreLife> {
  const lives = livesOf(links);
  await lives.meet(links.primaries);
  return lives.of('any');
}

test('processes that meet a new store at once raise its generation once, and need not wait', async () => {
  const links = await Promise.all(Array.from({ length: 6 }, open));
  const lives = await Promise.all(links.map(meet));
  expect(lives).toEqual(lives.map(() => ({ generation: 1, quietUntilMs: 0 })));
  expect(generation).toBe(1);
});

test('a store that was emptied is met as a new one, quiet for a lease for all', async () => {
  const links = await Promise.all(Array.from({ length: 4 }, open));
  await Promise.all(links.map(meet));
  await redis.command('FLUSHALL');
  const lives = await Promise.all(links.map(meet));
  expect(new Set(lives.map((life) => JSON.stringify(life))).size).toBe(1);
  expect(lives[0]?.generation).toBe(2);
  expect(lives[0]?.quietUntilMs).toBeGreaterThan(Date.now());
});

test('a process that is behind finds the new life out and takes its step there', async () => {
  const ahead = await open();
  const behind = await open();
  let life = await meet(behind);
  await redis.command('FLUSHALL');
  const newLife = await meet(ahead);
  const groupId = uuid();
  const others = new RedisFloorStore({ links: patient(ahead), keyPrefix, processId: 'ahead', life: () => newLife });
  await others.join({ groupId, member: person('Alice'), voiceSessionId: uuid(), since: null });
  const store = new RedisFloorStore({
    links: patient(behind),
    keyPrefix,
    processId: 'behind',
    life: () => life,
    meet: async () => {
      life = await meet(behind);
    },
  });
  const joined = await store.join({ groupId, member: person('Bob'), voiceSessionId: uuid(), since: null });
  expect(joined.presenceCount).toBe(2);
  expect(life.generation).toBe(2);
});
