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
const limitMs = 60_000;

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
  const pings: number[] = [];
  const presses: number[] = [];
  const timed = async (times: number[], work: Promise<unknown>): Promise<void> => {
    const beganAtMs = performance.now();
    await work;
    times.push(performance.now() - beganAtMs);
  };
  while (!isOver) {
    // Three messages a time: within the 50 a second that a socket may send.
    const pace = sleep(60);
    await timed(pings, alice.expect('PONG', 'PING'));
    await timed(presses, alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId }));
    await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
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
  for (const times of [pings, presses]) {
    expect(times.length).toBeGreaterThan(3);
    expect(median(times)).toBeLessThan(300);
    expect(Math.max(...times)).toBeLessThan(Math.max(1_500, tookMs / 4));
  }
  await alice.close();
}, 120_000);

function median(times: readonly number[]): number {
  return times.toSorted((left, right) => left - right)[Math.floor(times.length / 2)] ?? Infinity;
}
