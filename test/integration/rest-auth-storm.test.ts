import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startNeda, type Neda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { WsClient } from '../_support/ws-client.ts';

let database: TestDatabase;
let neda: Neda;

beforeAll(async () => {
  database = await createDatabase();
  neda = await startNeda({ databaseUrl: database.url, env: { RATE_LIMITS: 'on' } });
  const sql = postgres(database.url, { max: 1 });
  for (let index = 0; index < people; index += 1) {
    await sql`insert into users (id, username, display_name, role, password_hash)
      select ${uuidv7()}, ${`person-${index}`}, 'Person', 'user', password_hash from users where username = 'alice'`;
  }
  await sql.end();
});

afterAll(async () => {
  await neda[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const people = 200;
const limitMs = 120_000;

async function login(username: string): Promise<{ status: number; retryAfter: string | null }> {
  const response = await fetch(`${neda.origin}/api/v1/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password: 'push-to-talk', device: { name: 'w', kind: 'watch' } }),
    signal: AbortSignal.timeout(limitMs),
  });
  await response.arrayBuffer();
  return { status: response.status, retryAfter: response.headers.get('retry-after') };
}

it('200 people who sign in at once from one address get in or are told when to come again, and talk goes on', async () => {
  const { accessToken } = await neda.rest.login('alice');
  const { id: groupId } = await neda.rest.groupNamed(accessToken, 'Team');
  const alice = await WsClient.signIn(neda.origin, accessToken);
  await alice.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });

  let isOver = false;
  const startedAtMs = performance.now();
  const storm = Promise.all(Array.from({ length: people }, (_, index) => login(`person-${index}`))).finally(() => {
    isOver = true;
  });
  let talks = 0;
  while (!isOver) {
    // Three messages a time: within the 50 a second that a socket may send.
    const pace = sleep(60);
    await alice.expect('PONG', 'PING');
    await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    talks += 1;
    await pace;
  }
  const answers = await storm;
  const tookMs = performance.now() - startedAtMs;
  const refused = answers.filter(({ status }) => status !== 200);
  expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
  for (const { status, retryAfter } of refused) {
    expect(status).toBe(503);
    expect(Number(retryAfter)).toBeGreaterThan(0);
  }
  // More than one a second, however long the storm lasts; were hashes made where messages are read, it would be a few.
  expect(talks).toBeGreaterThan(Math.max(3, tookMs / 1_000));
  await alice.close();
}, 240_000);
