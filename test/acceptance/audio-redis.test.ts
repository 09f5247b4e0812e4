import { createConnection } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { numbers, numbersOf, packetsOf, sendPacket, speak } from '../_support/audio.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { AudioScene, joinWithAudio, letGo, press, sayMarker, since, untilHeard } from './audio/scene.ts';
import { describeAudio } from './audio-scenarios.ts';
import { newGroup } from './talk-scenarios.ts';

const PREFIX = 'audio-test:';
const LINGER_MS = 5_000;
const LEASE_MS = 6_000;

interface Parts {
  readonly redis: TestRedis;
  readonly database: TestDatabase;
  readonly here: Neda;
  readonly there: Neda;
  close(): Promise<void>;
}

async function startParts(): Promise<Parts> {
  const [redis, database] = await Promise.all([startRedis(), createDatabase()]);
  const env = { KEY_PREFIX: PREFIX, SECRET_KEY: 'a secret that all processes of the test share' };
  const start = (): Promise<Neda> => startNeda({ databaseUrl: database.url, redisUrl: redis.url, env });
  const here = await start();
  const there = await start();
  return {
    redis,
    database,
    here,
    there,
    async close() {
      await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
      await redis[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describeAudio('two processes on one Redis', startParts);

/** Sees the commands that Redis is given from now on. */
async function monitorRedis(redis: TestRedis) {
  const socket = createConnection({ host: '127.0.0.1', port: redis.port });
  let seen = '';
  socket.on('data', (chunk) => {
    seen += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  const seenText = async (text: string): Promise<void> => {
    await until(() => seen.includes(text), { limitMs: 15_000, describe: () => `Redis shows ${text}` });
  };
  socket.write('MONITOR\r\n');
  await seenText('+OK');
  let marks = 0;
  return {
    /** How often a command that begins so was given, of those that came to Redis before. */
    async count(command: string): Promise<number> {
      marks += 1;
      await redis.command(`ECHO mark-${marks}.`);
      await seenText(`"mark-${marks}."`);
      return seen.toLowerCase().split(command.toLowerCase()).length - 1;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Where the next so many packets begin. */
function numberFrom(first: number): (count: number) => number {
  let next = first;
  return (count) => {
    next += count;
    return next - count;
  };
}

describe('audio between processes', () => {
  let parts: Parts;
  let scene: AudioScene;

  beforeAll(async () => {
    parts = await startParts();
    scene = new AudioScene(parts);
  });
  afterAll(async () => {
    scene.end();
    await parts.close();
  });

  /** How many processes listen to the group's audio. */
  async function listening(groupId: string): Promise<number> {
    const reply = await parts.redis.command(`PUBSUB SHARDNUMSUB ${PREFIX}audio:{${groupId}}`);
    return Number(/:(\d+)\r\n$/.exec(reply)?.[1]);
  }

  test('nobody elsewhere listens: nothing is published, and the channel is not subscribed', async () => {
    const groupId = await newGroup(parts.here);
    const alice = await scene.person(parts.here, 'alice');
    const carol = await scene.person(parts.there, 'carol');
    await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    expect(await listening(groupId)).toBe(0);
    await joinWithAudio(alice.client, groupId);
    expect(await listening(groupId)).toBe(1);
    const streamId = await press(alice.client, groupId);
    await carol.client.waitForType('TALK_STARTED', { groupId });
    using monitor = await monitorRedis(parts.redis);
    const published = (): Promise<number> => monitor.count(`"spublish" "${PREFIX}audio:{${groupId}}"`);
    // The first packets may come before it is known that nobody listens.
    await speak(alice.client, { streamId, count: 25, everyMs: 20 });
    await alice.client.settled();
    const before = await published();
    await speak(alice.client, { streamId, count: 125, everyMs: 20, first: 25 });
    await alice.client.settled();
    expect(await published()).toBe(before);

    await joinWithAudio(carol.client, groupId);
    expect(await listening(groupId)).toBe(2);
    await speak(alice.client, { streamId, count: 100, everyMs: 20, first: 200 });
    await untilHeard(carol.client, streamId, 299);
    expect(await published()).toBeGreaterThan(before + 90);
    const heard = numbersOf(carol.client, streamId);
    expect(heard).toEqual(numbers(heard[0] ?? 0, heard.length));
    expect(heard[0]).toBeLessThan(205);

    const leftAtMs = performance.now();
    await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const next = numberFrom(300);
    await until(
      async () => {
        await speak(alice.client, { streamId, count: 25, everyMs: 20, first: next(25) });
        return (await listening(groupId)) === 1;
      },
      { limitMs: LINGER_MS + 10_000, describe: () => 'the process without listeners stops listening' },
    );
    expect(performance.now() - leftAtMs).toBeGreaterThan(LINGER_MS - 500);
    // The first packet after it tells that nobody listens any more.
    await speak(alice.client, { streamId, count: 25, everyMs: 20, first: next(25) });
    await alice.client.settled();
    const after = await published();
    await speak(alice.client, { streamId, count: 125, everyMs: 20, first: next(125) });
    await alice.client.settled();
    expect(await published()).toBe(after);
    expect(numbersOf(carol.client, streamId).at(-1)).toBe(299);
    await letGo(alice.client, groupId);
  }, 120_000);

  test('a process that was frozen past the lease of its talk forwards nothing when it is back', async () => {
    const { groupId, alice, bob, carol } = await scene.trio();
    const streamId = await press(alice.client, groupId);
    sendPacket(alice.client, streamId, 0);
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 0);
    const frozenAtMs = performance.now();
    parts.here.pause();
    try {
      await speak(alice.client, { streamId, count: 100, everyMs: 20, first: 5_000 });
      await carol.client.waitForType('TALK_ENDED', { groupId, limitMs: LEASE_MS + 4_000 });
      await since(frozenAtMs, LEASE_MS + 500);
    } finally {
      parts.here.resume();
    }
    sendPacket(alice.client, streamId, 6_000);
    const again = await scene.person(parts.there, 'bob');
    await joinWithAudio(again.client, groupId);
    const goesOn = async (): Promise<boolean> => {
      // What is said while it catches up it may drop as old.
      await sayMarker(again.client, [carol.client], groupId);
      return packetsOf(bob.client).length > 1 || !bob.client.isOpen;
    };
    await until(goesOn, {
      limitMs: 10_000,
      describe: () => 'the thawed process goes on, or has lost its listener',
    });
    for (const { client } of [bob, carol]) expect(numbersOf(client, streamId)).toEqual([0]);
  }, 120_000);
});
