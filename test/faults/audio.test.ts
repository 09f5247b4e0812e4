import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { AudioScene, joinWithAudio, letGo, press, sayMarker, since, untilHeard } from '../acceptance/audio/scene.ts';
import { numbers, numbersOf, sendPacket, speak } from '../_support/audio.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import type { WsClient } from '../_support/ws-client.ts';

/** Packets of one group that a process leaves with a silent Redis. */
const MOST_PENDING = 25;

describe('audio when something fails', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let here: Neda;
  let there: Neda;
  let scene: AudioScene;

  beforeEach(async () => {
    [redis, database] = await Promise.all([startRedis(), createDatabase()]);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    [here, there] = await Promise.all([startNeda(options), startNeda(options)]);
    scene = new AudioScene({ here, there, close: async () => undefined });
  });
  afterEach(async () => {
    scene.end();
    redis.resume();
    there.resume();
    await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  /** Each number once, and none after a later one. */
  function expectInOrder(client: WsClient, streamId: number): void {
    const heard = numbersOf(client, streamId);
    expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b));
  }

  test('the process of a listener dies: the others hear all, and its listener hears again on another one', async () => {
    const { groupId, alice, bob, carol } = await scene.trio();
    const streamId = await press(alice.client, groupId);
    const speaking = speak(alice.client, { streamId, count: 400, everyMs: 20 });
    await untilHeard(carol.client, streamId, 20);
    await there.kill();
    await carol.client.closed();
    const again = await scene.person(here, 'carol');
    await joinWithAudio(again.client, groupId);
    await speaking;
    for (const { client } of [bob, again]) await untilHeard(client, streamId, 399);
    expect(numbersOf(bob.client, streamId)).toEqual(numbers(0, 400));
    expectInOrder(again.client, streamId);
    await letGo(alice.client, groupId);
    await bob.client.waitForType('TALK_ENDED', { groupId });
  });

  test('the process of a talker is frozen for a while: what was spoken meanwhile is not said afterwards', async () => {
    const { groupId, alice, bob, carol } = await scene.trio();
    const streamId = await press(alice.client, groupId);
    sendPacket(alice.client, streamId, 0);
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 0);
    here.pause();
    await speak(alice.client, { streamId, count: 100, everyMs: 20, first: 1 });
    here.resume();
    await speak(alice.client, { streamId, count: 100, everyMs: 20, first: 1_000 });
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 1_099);
    for (const { client } of [bob, carol]) {
      expect(numbersOf(client, streamId).filter((number) => number > 0 && number < 95)).toEqual([]);
      expectInOrder(client, streamId);
    }
    await letGo(alice.client, groupId);
  });

  test('the process of a listener is frozen for a while: nobody else notices, it loses no event, and says nothing old', async () => {
    const { groupId, alice, bob, carol } = await scene.trio();
    const streamId = await press(alice.client, groupId);
    const speaking = speak(alice.client, { streamId, count: 300, everyMs: 20 });
    await untilHeard(carol.client, streamId, 20);
    there.pause();
    await since(performance.now(), 2_500);
    // By now everything is here that was sent before.
    const heard = Math.max(...numbersOf(carol.client, streamId));
    const spoken = Math.max(...numbersOf(bob.client, streamId));
    there.resume();
    await speaking;
    await letGo(alice.client, groupId);
    await carol.client.waitForType('TALK_ENDED', { groupId });
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 299);
    expect(numbersOf(bob.client, streamId)).toEqual(numbers(0, 300));
    expectInOrder(carol.client, streamId);
    // What was on its way when it froze, and when it thawed, is nobody's fault.
    const edge = 5;
    expect(numbersOf(carol.client, streamId).filter((n) => n > heard + edge && n < spoken - edge)).toEqual([]);
    await sayMarker(alice.client, [bob.client, carol.client], groupId);
  });

  test.each(['normal', 'pubsub'])(
    'the %s connections to Redis are cut in a talk: those elsewhere hear again',
    async (type) => {
      const { groupId, alice, bob, carol } = await scene.trio();
      const streamId = await press(alice.client, groupId);
      const speaking = speak(alice.client, { streamId, count: 300, everyMs: 20 });
      await untilHeard(carol.client, streamId, 20);
      await redis.command(`CLIENT KILL TYPE ${type}`);
      await speaking;
      for (const { client } of [bob, carol]) await untilHeard(client, streamId, 299);
      expect(numbersOf(bob.client, streamId)).toEqual(numbers(0, 300));
      expectInOrder(carol.client, streamId);
      expect(numbersOf(carol.client, streamId).length).toBeGreaterThan(150);
      expect(alice.client.messages('TALK_REVOKED')).toEqual([]);
    },
  );

  test('Redis is silent for a while: those here hear all, and those elsewhere not what is old', async () => {
    const { groupId, alice, bob, carol } = await scene.trio();
    const streamId = await press(alice.client, groupId);
    const speaking = speak(alice.client, { streamId, count: 300, everyMs: 20 });
    await untilHeard(carol.client, streamId, 20);
    redis.pause();
    const pausedAtMs = performance.now();
    await since(pausedAtMs, 2_500);
    const before = Math.max(...numbersOf(carol.client, streamId));
    const spoken = Math.max(...numbersOf(bob.client, streamId));
    redis.resume();
    await speaking;
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 299);
    expect(numbersOf(bob.client, streamId)).toEqual(numbers(0, 300));
    expectInOrder(carol.client, streamId);
    const old = numbersOf(carol.client, streamId).filter((number) => number > before + 2 && number < spoken - 2);
    expect(old.length).toBeLessThanOrEqual(MOST_PENDING);
    expect(alice.client.messages('TALK_REVOKED')).toEqual([]);
  });

  test('a talker who says nothing while Redis is away loses the floor when it is back', async () => {
    const { groupId, alice, carol } = await scene.trio();
    await press(alice.client, groupId);
    redis.pause();
    await since(performance.now(), 4_500);
    redis.resume();
    const revoked = await alice.client.waitForType('TALK_REVOKED', { groupId, limitMs: 15_000 });
    expect(['media_failed', 'expired']).toContain(revoked['cause']);
    const ended = await carol.client.waitForType('TALK_ENDED', { groupId, limitMs: 15_000 });
    expect(['media_failed', 'expired']).toContain(ended['cause']);
    await until(async () => (await carol.client.request('REQUEST_TALK', { groupId })).type === 'TALK_GRANTED', {
      limitMs: 15_000,
      everyMs: 200,
      describe: () => carol.client.describe(),
    });
  });
});
