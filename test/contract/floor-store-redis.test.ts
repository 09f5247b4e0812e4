import { Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import { FloorStoreUnavailable } from '../../src/realtime/floor/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../src/realtime/floor-redis/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { describeFloorStore } from './floor-store.ts';
import { patient, redisHarness } from './floor-store/redis-harness.ts';
import { person, press } from './floor-store/scene.ts';

let redis: TestRedis;
let control: RedisLinks;
/** Looks into Redis past the adapter. */
let direct: Redis;

beforeAll(async () => {
  redis = await startRedis();
  control = await connectRedis(redis.url);
  direct = new Redis(redis.url);
});
afterAll(async () => {
  direct.disconnect();
  await control.close();
  await redis[Symbol.asyncDispose]();
});

const keyPrefix = 'test:';

describeFloorStore('Redis, two processes', () => redisHarness(redis.url, keyPrefix), 2);

describe('floor store: what only Redis has', () => {
  async function withStore(
    work: (store: RedisFloorStore, life: { generation: number }) => Promise<void>,
  ): Promise<void> {
    const links = await connectRedis(redis.url);
    const life = { generation: 1, quietUntilMs: 0 };
    try {
      await work(new RedisFloorStore({ links: patient(links), keyPrefix, processId: uuid(), life: () => life }), life);
    } finally {
      await links.close();
    }
  }

  async function talkOf(store: RedisFloorStore, groupId: string): Promise<ReturnType<typeof person>> {
    const alice = person('Alice');
    await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
    expect(await store.request(press(groupId, alice))).toMatchObject({ status: 'granted' });
    return alice;
  }

  test('a slot under a foreign value is neither renewed, moved nor freed, and waiters keep their places', () =>
    withStore(async (store) => {
      const groupId = uuid();
      const key = `${keyPrefix}speaker:{${groupId}}`;
      const alice = await talkOf(store, groupId);
      const bob = person('Bob');
      await store.join({ groupId, member: bob, voiceSessionId: uuid(), since: null });
      expect(await store.request(press(groupId, bob, { queue: true }))).toMatchObject({
        status: 'queued',
        position: 1,
      });
      await direct.set(key, 'somebody-else');
      const talkId = (await store.snapshot({ groupId, since: null })).talk?.talkId ?? '';
      await store.renew({ groupId, honouredTalkIds: [talkId], members: 1 });
      await store.join({ groupId, member: { ...alice, connectionId: uuid() }, voiceSessionId: uuid(), since: null });
      await store.end({ groupId, talkId, cause: 'revoked' });
      expect(await direct.get(key)).toBe('somebody-else');
      expect(await store.request(press(groupId, bob))).toMatchObject({ status: 'busy', holder: null });
      await direct.del(key);
      const { published } = await store.settle({ groupId });
      expect(published).toEqual([expect.stringMatching(/^1 H /)]);
      expect(await direct.get(key)).toBe(bob.userId);
    }));

  test('a higher generation begins a new epoch, and ends what was open without a number', () =>
    withStore(async (store, life) => {
      const groupId = uuid();
      const alice = await talkOf(store, groupId);
      const before = await store.snapshot({ groupId, since: null });
      life.generation = 2;
      const after = await store.snapshot({ groupId, since: before });
      expect(after).toMatchObject({ talk: null, seq: 0, missed: null, published: [], presenceCount: 1 });
      expect(Math.floor(after.epoch / 2 ** 32)).toBe(2);
      const history = new RedisHistorySource(control, keyPrefix);
      history.touched(groupId);
      const records = (await history.pending(1_000)).filter((entry) => entry.groupId === groupId);
      expect(records.map(({ record }) => record)).toMatchObject([
        { kind: 'opened' },
        { kind: 'talk', talkId: before.talk?.talkId, userId: alice.userId, cause: 'expired' },
      ]);
      life.generation = 1;
      await expect(store.settle({ groupId })).rejects.toThrow('newer generation');
    }));

  test('nothing is granted in the quiet after a new store, and the talker is told how long', () =>
    withStore(async (store, life) => {
      const groupId = uuid();
      const alice = person('Alice');
      const bob = person('Bob');
      await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
      await store.join({ groupId, member: bob, voiceSessionId: uuid(), since: null });
      Object.assign(life, { quietUntilMs: Date.now() + 60_000 });
      const outcome = await store.request(press(groupId, alice));
      if (outcome.status !== 'quiet') throw new Error(`The request was answered ${outcome.status}`);
      expect(outcome.retryAfterMs).toBeGreaterThan(50_000);
      expect(outcome.retryAfterMs).toBeLessThanOrEqual(60_000);
    }));

  test('a record with broken words is given as it is, hides no other, and can be confirmed', async () => {
    const groupId = uuid();
    const key = `${keyPrefix}history:{${groupId}}`;
    const voice = uuid();
    const words = { kind: 'talk', talk: uuid(), voice, user: uuid(), speaker: '{"userId":', cause: 'released' };
    await direct.xadd(key, '*', ...Object.entries(words).flat());
    await direct.xadd(key, '*', 'kind', 'talk');
    await direct.xadd(key, '*', 'kind', 'opened', 'voice', voice, 'start', '5');
    const history = new RedisHistorySource(control, keyPrefix);
    history.touched(groupId);
    const entries = (await history.pending(1_000)).filter((entry) => entry.groupId === groupId);
    expect(entries.map(({ record }) => record)).toEqual([
      { kind: 'unreadable', words },
      { kind: 'unreadable', words: { kind: 'talk' } },
      { kind: 'opened', voiceSessionId: voice, startMs: 5 },
    ]);
    await history.confirm(entries);
    expect(await direct.exists(key)).toBe(0);
  });

  test('a history stream is read at once when it was touched, and is gone when all is confirmed', () =>
    withStore(async (store) => {
      const groupId = uuid();
      const key = `${keyPrefix}history:{${groupId}}`;
      await talkOf(store, groupId);
      await store.end({ groupId, talkId: null, cause: 'revoked' });
      await direct.xadd(key, '*', 'kind', 'of-a-later-version');
      const history = new RedisHistorySource(control, `${keyPrefix}`);
      history.touched(groupId);
      const entries = (await history.pending(1_000)).filter((entry) => entry.groupId === groupId);
      expect(entries.map(({ record }) => record.kind)).toEqual(['opened', 'talk']);
      const [opened, talk] = entries;
      if (!opened || !talk) throw new Error('Two records are needed');
      // A confirmation that names another record of the same place is an old one.
      await history.confirm([{ ...opened, record: { kind: 'opened', voiceSessionId: uuid(), startMs: 0 } }]);
      expect(await direct.xlen(key)).toBe(3);
      await history.confirm([opened, talk]);
      expect(await direct.xlen(key)).toBe(1);
      expect((await history.pending(1_000)).filter((entry) => entry.groupId === groupId)).toEqual([]);
      const [foreign] = await direct.xrange(key, '-', '+');
      await direct.xdel(key, foreign?.[0] ?? '');
      expect(await direct.exists(key)).toBe(1);
      await history.confirm([opened]);
      expect(await direct.exists(key)).toBe(0);
    }));

  test('a link that is away makes the history unavailable, and nothing is lost', async () => {
    await using own = await startRedis({ appendonly: 'yes', appendfsync: 'always' });
    const links = await connectRedis(own.url);
    try {
      const groupId = uuid();
      const life = { generation: 1, quietUntilMs: 0 };
      await talkOf(new RedisFloorStore({ links, keyPrefix, processId: uuid(), life: () => life }), groupId);
      const history = new RedisHistorySource(links, keyPrefix);
      const found = async (): Promise<number> => {
        const entries = await history.pending(1_000);
        return entries.filter((entry) => entry.groupId === groupId).length;
      };
      history.touched(groupId);
      expect(await found()).toBe(1);
      await own.kill();
      await expect(history.pending(1_000)).rejects.toBeInstanceOf(FloorStoreUnavailable);
      await own.start();
      await expect.poll(() => found().catch(() => -1)).toBe(1);
    } finally {
      await links.close();
    }
  });
});
