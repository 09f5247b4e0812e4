import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres, type TestDatabase, type TestPostgres } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import * as wire from '../_support/wire.ts';

/** Two leases: until the loss is noticed, and until it is told. */
const TOLD_MS = 30_000;
const talks = z.object({ items: z.array(wire.talk) });
const audit = z.object({ items: z.array(z.looseObject({ action: z.string() })) });

describe('when the live store is lost', () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let database: TestDatabase;
  let here: Neda;
  let there: Neda;

  beforeEach(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    database = await createEmptyDatabase(postgres.url);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    here = await startNeda(options);
    there = await startNeda(options);
  });
  afterEach(async () => {
    await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  async function talking() {
    const groupId = await newGroup(here);
    const { client: alice } = await signIn(here, 'alice');
    const { client: bob } = await signIn(there, 'bob');
    for (const client of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const granted = await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.waitForType('TALK_STARTED', { groupId });
    return { groupId, alice, bob, talkId: String(granted['talkId']) };
  }

  async function history(neda: Neda, groupId: string, count: number) {
    const { accessToken: token } = await neda.rest.login('admin');
    return until(
      async () => {
        const body = await neda.rest.expect(200, 'GET', `/api/v1/admin/talks?groupId=${groupId}`, { token });
        const { items } = talks.parse(body);
        return items.length === count ? items : undefined;
      },
      { limitMs: TOLD_MS, everyMs: 200, describe: () => `${count} talks are in the history` },
    );
  }

  async function voiceSessionStored(groupId: string): Promise<void> {
    const { accessToken: token } = await here.rest.login('admin');
    const path = `/api/v1/admin/voice-sessions?groupId=${groupId}`;
    await until(async () => (await here.rest.request('GET', path, { token })).text.includes(groupId), {
      limitMs: TOLD_MS,
      describe: () => 'the voice session is in the history',
    });
  }

  async function gaps(neda: Neda): Promise<unknown[]> {
    const { accessToken: token } = await neda.rest.login('admin');
    return until(
      async () => {
        const body = await neda.rest.expect(200, 'GET', '/api/v1/admin/audit?limit=100', { token });
        const found = audit.parse(body).items.filter(({ action }) => action === 'history.gap');
        return found.length > 0 && found;
      },
      { limitMs: TOLD_MS, everyMs: 200, describe: () => 'the gap is in the audit log' },
    );
  }

  test('with the talk open, the talk is in the history once, ended expired', async () => {
    const { groupId, alice, talkId } = await talking();
    await voiceSessionStored(groupId);
    await redis.command('FLUSHALL');
    await alice.waitForType('TALK_REVOKED', { groupId, limitMs: TOLD_MS });
    const [talk] = await history(here, groupId, 1);
    expect(talk).toMatchObject({ talkId, cause: 'expired', speaker: { displayName: 'Alice' } });
    expect(talk?.durationMs).toBeLessThan(15_000);
    expect(await gaps(here)).toHaveLength(1);
  });

  test('with the process of the talker, a process of a listener tells the talk', async () => {
    const { groupId, bob, talkId } = await talking();
    await here.kill();
    await redis.kill();
    await redis.start();
    await bob.waitForType('GROUP_STATE', { groupId, limitMs: TOLD_MS });
    const [talk] = await history(there, groupId, 1);
    expect(talk).toMatchObject({ talkId, cause: 'expired' });
  });

  test('before PostgreSQL has a finished talk, the talk is in the history as it ended', async () => {
    const { groupId, alice, talkId } = await talking();
    await postgres.stop();
    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await redis.command('FLUSHALL');
    await postgres.start();
    const [talk] = await history(here, groupId, 1);
    expect(talk).toMatchObject({ talkId, cause: 'released' });
  });
});
