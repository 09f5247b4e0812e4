import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BUSY_MS } from '../_support/busy.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres, type TestPostgres } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import * as wire from '../_support/wire.ts';
import { newGroup, signIn } from './talk-scenarios.ts';

/** A start of the server and a lease that runs out. */
const LONG_MS = 240_000;
/** What the clocks of the test and of the live store may differ. */
const CLOCKS_MS = 5;
/** "Readable ≤ 5 s after its end." */
const READABLE_MS = 5_000 + BUSY_MS;
/** PostgreSQL and its connections need a while to come back. */
const BACK_MS = 20_000;

const talkPage = z.looseObject({ items: z.array(wire.talk) });
const sessionPage = z.looseObject({ items: z.array(wire.voiceSession) });

async function talksOf(neda: Neda, token: string, groupId: string): Promise<wire.Talk[]> {
  return talkPage.parse(await neda.rest.expect(200, 'GET', `/api/v1/groups/${groupId}/talks`, { token })).items;
}

async function sessionsOf(neda: Neda, groupId: string): Promise<wire.VoiceSession[]> {
  const { accessToken: token } = await neda.rest.login('admin');
  const path = `/api/v1/admin/voice-sessions?groupId=${groupId}`;
  return sessionPage.parse(await neda.rest.expect(200, 'GET', path, { token })).items;
}

async function talkInList(
  neda: Neda,
  token: string,
  groupId: string,
  talkId: unknown,
  limitMs = READABLE_MS,
): Promise<wire.Talk> {
  return until(async () => (await talksOf(neda, token, groupId)).find((talk) => talk.talkId === talkId), {
    limitMs,
    describe: () => `the talk ${String(talkId)} is in the list`,
  });
}

type Person = Awaited<ReturnType<typeof signIn>>;

/** Presses, is granted, and lets go. */
async function talkOnce({ client }: Person, groupId: string): Promise<{ talkId: unknown; durationMs: unknown }> {
  const { talkId } = await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
  await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
  const ended = await client.waitFor((message) => message.type === 'TALK_ENDED' && message.talkId === talkId);
  return { talkId, durationMs: ended.durationMs };
}

/** One deployment on a database of its own in a cluster that the test may stop. */
interface Deployment {
  readonly cluster: TestPostgres;
  readonly redis: TestRedis | null;
  start(): Promise<Neda>;
  close(): Promise<void>;
}

async function deploy(hasRedis: boolean): Promise<Deployment> {
  const [cluster, redis] = await Promise.all([startPostgres(), hasRedis ? startRedis() : null]);
  const { url: databaseUrl } = await createEmptyDatabase(cluster.url);
  const started: Neda[] = [];
  const env = { KEY_PREFIX: 'acceptance:', SECRET_KEY: 'a secret that all processes of the test share' };
  return {
    cluster,
    redis,
    start: async () => {
      const neda = await startNeda({ databaseUrl, env, ...(redis === null ? {} : { redisUrl: redis.url }) });
      started.push(neda);
      return neda;
    },
    close: async () => {
      await Promise.all(started.map((neda) => neda[Symbol.asyncDispose]()));
      await redis?.[Symbol.asyncDispose]();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

interface Scene {
  readonly deployment: Deployment;
  readonly neda: Neda;
}

/** What every deployment must do, and after it what is its `own`. */
function describeHistory(name: string, hasRedis: boolean, own: (scene: () => Scene) => void): void {
  describe(`history ${name}`, () => {
    let deployment: Deployment;
    let neda: Neda;

    beforeAll(async () => {
      deployment = await deploy(hasRedis);
      neda = await deployment.start();
    });
    afterAll(() => deployment.close());

    test('a talk is readable within 5 s, once, with its times and its cause', async () => {
      const groupId = await newGroup(neda, { maxTalkMs: 1_000 });
      const [alice, bob] = [await signIn(neda, 'alice'), await signIn(neda, 'bob')];
      const token = bob.tokens.accessToken;
      for (const { client } of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const askedAtMs = Date.now();
      const { talkId, durationMs } = await talkOnce(alice, groupId);
      const releasedAtMs = Date.now();
      const talk = await talkInList(neda, token, groupId, talkId);
      expect(talk).toMatchObject({
        groupId,
        speaker: { userId: alice.tokens.user.id, displayName: alice.tokens.user.displayName },
        emergency: false,
        durationMs,
        cause: 'released',
      });
      expect(Date.parse(talk.endedAt) - Date.parse(talk.startedAt)).toBe(talk.durationMs);
      expect(Date.parse(talk.startedAt)).toBeGreaterThanOrEqual(askedAtMs - CLOCKS_MS);
      expect(Date.parse(talk.endedAt)).toBeLessThanOrEqual(releasedAtMs + CLOCKS_MS);

      const next = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const tooLong = await talkInList(neda, token, groupId, next.talkId, 1_000 + READABLE_MS);
      expect(tooLong).toMatchObject({ cause: 'too_long', speaker: { userId: bob.tokens.user.id } });
      expect(tooLong.durationMs).toBeGreaterThanOrEqual(1_000);
      expect(await talksOf(neda, token, groupId)).toEqual([tooLong, talk]);
      expect(await sessionsOf(neda, groupId)).toMatchObject([
        { id: talk.voiceSessionId, endedAt: null, talkCount: 2, talkMs: talk.durationMs + tooLong.durationMs },
      ]);
    });

    test('what was said while PostgreSQL was away is there when it is back', { timeout: LONG_MS }, async () => {
      const { cluster } = deployment;
      const groupId = await newGroup(neda);
      const alice = await signIn(neda, 'alice');
      await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      const first = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await cluster.stop();
      await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      const second = await talkOnce(alice, groupId);
      await cluster.start();
      const token = alice.tokens.accessToken;
      const later = await talkInList(neda, token, groupId, second.talkId, BACK_MS);
      const earlier = await talkInList(neda, token, groupId, first.talkId);
      expect(await talksOf(neda, token, groupId)).toEqual([later, earlier]);
      expect([later.cause, earlier.cause]).toEqual(['released', 'released']);
      expect(await sessionsOf(neda, groupId)).toMatchObject([
        { talkCount: 2, talkMs: later.durationMs + earlier.durationMs },
      ]);
    });

    own(() => ({ deployment, neda }));
  });
}

describeHistory('with Redis', true, (scene) => {
  test('kill -9 of the talker’s process leaves one row, expired', { timeout: LONG_MS }, async () => {
    const { deployment, neda } = scene();
    const doomed = await deployment.start();
    const groupId = await newGroup(neda);
    const [alice, bob] = [await signIn(doomed, 'alice'), await signIn(neda, 'bob')];
    for (const { client } of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const { talkId } = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await doomed.kill();
    const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 6_000 + 2 * BUSY_MS });
    const token = bob.tokens.accessToken;
    const expired = await talkInList(neda, token, groupId, talkId);
    expect(expired).toMatchObject({ cause: 'expired', durationMs: ended.durationMs });
    const { talkId: nextId } = await talkOnce(bob, groupId);
    const next = await talkInList(neda, token, groupId, nextId);
    expect(await talksOf(neda, token, groupId)).toEqual([next, expired]);
  });

  test('kill -9 right after an end: another process stores the talk', { timeout: LONG_MS }, async () => {
    const { deployment, neda } = scene();
    const doomed = await deployment.start();
    const groupId = await newGroup(neda);
    const alice = await signIn(doomed, 'alice');
    await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const { talkId } = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await doomed.kill();
    const { tokens } = await signIn(neda, 'alice');
    const talk = await talkInList(neda, tokens.accessToken, groupId, talkId);
    expect(talk.cause).toBe('released');
    await until(async () => (await deployment.redis?.command(`EXISTS acceptance:history:{${groupId}}`)) === ':0\r\n', {
      limitMs: READABLE_MS,
      describe: () => 'the stream is gone with its last record',
    });
    expect(await talksOf(neda, tokens.accessToken, groupId)).toEqual([talk]);
  });
});

describeHistory('without Redis', false, (scene) => {
  test('a stop ends what is open and stores it', { timeout: LONG_MS }, async () => {
    const { deployment, neda } = scene();
    const groupId = await newGroup(neda);
    const alice = await signIn(neda, 'alice');
    await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const { talkId } = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(await neda.stop()).toBe(0);
    const next = await deployment.start();
    const { tokens } = await signIn(next, 'alice');
    expect(await talksOf(next, tokens.accessToken, groupId)).toMatchObject([{ talkId, cause: 'lost' }]);
    const [session] = await sessionsOf(next, groupId);
    expect(session).toMatchObject({ talkCount: 1, endedAt: expect.any(String) });
  });
});
