import { setTimeout as pause } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { memoryHarness } from './floor-store/memory-harness.ts';
import { redisHarness } from './floor-store/redis-harness.ts';
import { Scene, type StoreHarness } from './floor-store/scene.ts';
import { mistakes, naiveTimings, Violation } from './mistakes/checks.ts';
import { NaiveFloorStore } from './mistakes/naive-floor-store.ts';

/**
 * floor.md, "What naive SET NX servers get wrong": a test for each, that the stores must pass and a store that makes
 * the mistakes must fail.
 */

let redis: TestRedis;

beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis[Symbol.asyncDispose]());

async function naiveHarness(): Promise<StoreHarness> {
  const control = new Redis(redis.url);
  const opened: Redis[] = [control];
  const stores: NaiveFloorStore[] = [];
  const open = (): Redis => {
    const client = new Redis(redis.url);
    opened.push(client);
    return client;
  };
  return {
    async open() {
      // The second process is the slower one.
      const store = new NaiveFloorStore(open(), naiveTimings, stores.length === 0 ? 150 : 500);
      stores.push(store);
      const subscriber = open();
      return {
        store,
        async watch(groupId) {
          const payloads: string[] = [];
          subscriber.on('smessage', (_channel: string, payload: string) => payloads.push(payload));
          await subscriber.ssubscribe(`group:{${groupId}}`);
          return payloads;
        },
      };
    },
    async slot(groupId) {
      const key = `speaker:{${groupId}}`;
      const userId = await control.get(key);
      return userId === null ? null : { userId, ttlMs: await control.pttl(key) };
    },
    presence: (groupId) => control.smembers(`presence:{${groupId}}`),
    history: {
      pending: async () => [],
      confirm: async () => undefined,
      note: async () => undefined,
      lives: async () => [],
      recordLoss: async () => undefined,
    },
    timings: naiveTimings,
    pass: (ms) => pause(ms),
    async close() {
      await Promise.all(stores.map((store) => store.close()));
      for (const client of opened) client.disconnect();
    },
  };
}

const stores = {
  Redis: { processes: 2, harness: () => redisHarness(redis.url, 'mistakes:') },
  'the in-process store': { processes: 1, harness: async () => memoryHarness() },
} as const;

describe.each(mistakes.map(({ name, check }) => [name, check] as const))('%s', (_name, check) => {
  async function violation(harness: () => Promise<StoreHarness>, processes: 1 | 2): Promise<unknown> {
    const scene = new Scene(harness, processes);
    await scene.open();
    try {
      await check(scene);
      return null;
    } catch (error) {
      return error;
    } finally {
      await scene.close();
    }
  }

  for (const [name, { harness, processes }] of Object.entries(stores)) {
    test(`not ${name}`, async () => {
      expect(await violation(harness, processes)).toBe(null);
    });
  }

  test('but the naive store', async () => {
    expect(await violation(naiveHarness, 2)).toBeInstanceOf(Violation);
  });
});
