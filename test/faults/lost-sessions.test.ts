import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres, type TestDatabase, type TestPostgres } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';

/** The voice session of a group that nobody is in closes within a minute; the rest is for a busy machine. */
const CLOSED_MS = 90_000;
const page = z.object({
  items: z.array(
    z.looseObject({ startedAt: z.string(), endedAt: z.string().nullable(), participantCount: z.number() }),
  ),
});
type VoiceSession = z.infer<typeof page>['items'][number];

async function voiceSessions(neda: Neda, groupId: string): Promise<VoiceSession[]> {
  const { accessToken: token } = await neda.rest.login('admin');
  const path = `/api/v1/admin/voice-sessions?groupId=${groupId}`;
  return page.parse(await neda.rest.expect(200, 'GET', path, { token })).items;
}

async function untilListed(
  neda: Neda,
  groupId: string,
  what: string,
  isSo: (items: readonly VoiceSession[]) => boolean,
): Promise<VoiceSession[]> {
  return until(
    async () => {
      const items = await voiceSessions(neda, groupId);
      return isSo(items) && items;
    },
    { limitMs: CLOSED_MS, everyMs: 200, describe: () => `the voice session ${what}` },
  );
}

async function join(neda: Neda, name: string, groupId: string) {
  const { client } = await signIn(neda, name);
  await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  return client;
}

describe('voice sessions when the live store is lost', () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let database: TestDatabase;
  let alone: TestDatabase;

  beforeAll(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    database = await createEmptyDatabase(postgres.url);
    alone = await createEmptyDatabase(postgres.url);
  });
  afterAll(async () => {
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  test('those of groups that were left end without anybody joining, the others go on in a new one', async () => {
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    await using here = await startNeda(options);
    await using there = await startNeda(options);
    const [left, kept] = [await newGroup(here), await newGroup(here)];
    const alice = await join(here, 'alice', left);
    await join(here, 'carol', kept);
    await join(there, 'bob', kept);
    await Promise.all(
      [left, kept].map((groupId) => untilListed(here, groupId, 'is listed', ([one]) => one !== undefined)),
    );
    // Who took part is told while it is open, without a talk, by each process.
    for (const neda of [here, there])
      expect(await voiceSessions(neda, kept)).toMatchObject([{ endedAt: null, participantCount: 2 }]);
    await alice.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId: left });
    expect(await voiceSessions(there, left)).toMatchObject([{ endedAt: null, participantCount: 1 }]);
    await redis.command('FLUSHALL');
    const lostAt = Date.now();

    const [ended] = await untilListed(there, left, 'has ended', ([one]) => one?.endedAt !== null);
    expect(Date.parse(ended?.endedAt ?? '')).toBeLessThanOrEqual(lostAt);
    const [now, before] = await untilListed(here, kept, 'goes on in a new one', ([, one]) => one !== undefined);
    expect(now).toMatchObject({ endedAt: null, participantCount: 2 });
    expect(before?.endedAt).not.toBeNull();
    const { accessToken: token } = await here.rest.login('admin');
    const { text } = await here.rest.request('GET', '/api/v1/admin/audit?limit=100', { token });
    expect(text.split('"history.gap"')).toHaveLength(2);

    await redis.kill();
    expect(await voiceSessions(here, kept)).toMatchObject([{ endedAt: null }, {}]);
    await redis.start();
    await untilListed(
      there,
      kept,
      'goes on in a third one',
      (items) => items.length === 3 && items[0]?.endedAt === null,
    );
    expect(await voiceSessions(here, left)).toEqual([ended]);
  });

  test('those of a process that was killed with its store end at its next start', async () => {
    await using first = await startNeda({ databaseUrl: alone.url });
    const groupId = await newGroup(first);
    await join(first, 'alice', groupId);
    await untilListed(first, groupId, 'is listed', ([one]) => one !== undefined);
    expect(await voiceSessions(first, groupId)).toMatchObject([{ endedAt: null, participantCount: 1 }]);
    await first.kill();
    const killedAt = Date.now();
    await using second = await startNeda({ databaseUrl: alone.url });
    const [ended] = await untilListed(second, groupId, 'has ended', ([one]) => one?.endedAt !== null);
    expect(Date.parse(ended?.endedAt ?? '')).toBeLessThanOrEqual(killedAt);
    expect(ended?.endedAt).not.toBeUndefined();
  });
});
