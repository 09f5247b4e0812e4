import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { BUSY_MS } from '../_support/busy.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { describeTalk, newGroup, signIn } from './talk-scenarios.ts';

const PREFIX = 'acceptance:';
/** Three starts of the server and a lease that runs out. */
const SEVERAL_STARTS_MS = 240_000;

interface Parts {
  readonly redis: TestRedis;
  readonly database: TestDatabase;
  start(): Promise<Neda>;
  close(): Promise<void>;
}

async function startParts(): Promise<Parts> {
  const [redis, database] = await Promise.all([startRedis(), createDatabase()]);
  const started: Neda[] = [];
  const env = { KEY_PREFIX: PREFIX, SECRET_KEY: 'a secret that all processes of the test share' };
  return {
    redis,
    database,
    async start() {
      const neda = await startNeda({ databaseUrl: database.url, redisUrl: redis.url, env });
      started.push(neda);
      return neda;
    },
    async close() {
      await Promise.all(started.map((neda) => neda[Symbol.asyncDispose]()));
      await redis[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

describeTalk('two processes on one Redis', async () => {
  const parts = await startParts();
  const here = await parts.start();
  const there = await parts.start();
  return { here, there, close: () => parts.close() };
});

describe('what Redis holds', () => {
  let parts: Parts;
  beforeAll(async () => {
    parts = await startParts();
  });
  afterAll(() => parts.close());

  test(
    'the slot names the talker under a time to live, and is gone with the talk',
    { timeout: SEVERAL_STARTS_MS },
    async () => {
      const neda = await parts.start();
      const groupId = await newGroup(neda);
      const alice = await signIn(neda, 'alice');
      await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const slot = `${PREFIX}speaker:{${groupId}}`;
      expect(await parts.redis.command(`EXISTS ${slot}`)).toBe(':0\r\n');
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(await parts.redis.command(`GET ${slot}`)).toContain(alice.tokens.user.id);
      const ttlMs = Number((await parts.redis.command(`PTTL ${slot}`)).slice(1));
      expect(ttlMs).toBeGreaterThan(0);
      expect(ttlMs).toBeLessThanOrEqual(6_000);
      expect(await parts.redis.command(`SMEMBERS ${PREFIX}presence:{${groupId}}`)).toContain(alice.tokens.user.id);
      await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      expect(await parts.redis.command(`EXISTS ${slot}`)).toBe(':0\r\n');
      await alice.client.close();
      await until(async () => (await parts.redis.command(`EXISTS ${PREFIX}presence:{${groupId}}`)) === ':0\r\n', {
        limitMs: 15_000,
        describe: () => 'presence is gone with the last member',
      });
      await neda.stop();
    },
  );

  test(
    'kill -9 of the talker’s process: the others are told, once, and the next start goes on',
    { timeout: SEVERAL_STARTS_MS },
    async () => {
      const doomed = await parts.start();
      const survivor = await parts.start();
      const groupId = await newGroup(survivor);
      const alice = await signIn(doomed, 'alice');
      const bob = await signIn(survivor, 'bob');
      for (const { client } of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await bob.client.waitForType('TALK_STARTED', { groupId });
      await doomed.kill();
      const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 6_000 + 2 * BUSY_MS });
      expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
      await bob.client.waitFor(
        (message) =>
          message.type === 'PRESENCE_CHANGED' && JSON.stringify(message['left']).includes(alice.tokens.user.id),
        { limitMs: 6_000 + 2 * BUSY_MS },
      );
      const again = await parts.start();
      const carol = await signIn(again, 'carol');
      expect(await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId })).toMatchObject({
        floor: { state: 'idle' },
      });
      await carol.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(
        bob.client.messages('TALK_ENDED').filter((message) => message['talkId'] === granted['talkId']),
      ).toHaveLength(1);
    },
  );
});
