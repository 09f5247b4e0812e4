import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres, type TestDatabase, type TestPostgres } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

/** Long enough for all that is done with the tokens before they are old. */
const TOKEN_LIFE_MS = 15_000;

describe('while PostgreSQL is away', () => {
  let postgres: TestPostgres;
  let redis: TestRedis;
  let database: TestDatabase;
  let neda: Neda;

  beforeEach(async () => {
    [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
    database = await createEmptyDatabase(postgres.url);
    neda = await startNeda({
      databaseUrl: database.url,
      redisUrl: redis.url,
      env: { ACCESS_TOKEN_TTL_MS: String(TOKEN_LIFE_MS) },
    });
  });
  afterEach(async () => {
    await neda[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await postgres[Symbol.asyncDispose]();
  });

  test('people talk, come back and join on; what needs it is refused quickly; old tokens close nothing', async () => {
    const groupId = await newGroup(neda);
    const { client: alice, tokens } = await signIn(neda, 'alice');
    const { client: bob } = await signIn(neda, 'bob');
    const oldAtMs = performance.now() + TOKEN_LIFE_MS + 2_000;
    for (const client of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await postgres.stop();
    await until(async () => (await neda.rest.request('GET', '/health')).text.includes('"degraded"'), {
      limitMs: 10_000,
      describe: () => 'health says degraded',
    });
    expect((await neda.rest.request('GET', '/readyz')).status).toBe(200);
    expect((await neda.rest.request('GET', '/api/v1/groups', { token: tokens.accessToken })).status).toBe(503);

    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await bob.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });

    const back = await WsClient.signIn(neda.origin, tokens.accessToken);
    expect((await alice.closed()).code).toBe(4506);
    await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await back.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await back.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });

    await until(() => performance.now() > oldAtMs, { limitMs: 30_000, describe: () => 'the tokens are old' });
    await bob.settled();
    await back.settled();
    await bob.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });

    await postgres.start();
    await until(async () => (await neda.rest.request('GET', '/health')).text.includes('"status":"ok","version"'), {
      limitMs: 15_000,
      describe: () => 'health says ok',
    });
    await neda.rest.login('carol');
    await bob.settled();
  });
});
