import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startNeda, type Neda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import type { RestAnswer } from '../_support/rest.ts';

/** What failed counts for every process that shares the database, and is known after a restart. */

let database: TestDatabase;
let redis: TestRedis;
let sql: postgres.Sql;
let left: Neda;
let right: Neda;

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  sql = postgres(database.url, { max: 1 });
  [left, right] = [await start(), await start()];
});

afterAll(async () => {
  await sql.end();
  await left[Symbol.asyncDispose]();
  await right[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function start(): Promise<Neda> {
  const env = {
    RATE_LIMITS: 'on',
    TRUSTED_PROXIES: '127.0.0.1',
    SECRET_KEY: 'only-for-tests-0123456789-0123456789-0123456789',
  };
  return startNeda({ databaseUrl: database.url, redisUrl: redis.url, env });
}

const device = { name: 'w', kind: 'watch' };

function login(neda: Neda, username: string, password: string, address: string): Promise<RestAnswer> {
  const headers = { 'x-forwarded-for': address };
  return neda.rest.request('POST', '/api/v1/auth/login', { headers, body: { username, password, device } });
}

it('5 failures with one process lock the account with the other, and after a restart', async () => {
  for (let count = 0; count < 5; count += 1) {
    expect((await login(left, 'alice', 'wrong-one', '198.51.100.1')).status).toBe(401);
  }
  const refused = await login(right, 'alice', 'push-to-talk', '198.51.100.2');
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect((await login(right, 'bob', 'push-to-talk', '198.51.100.1')).status).toBe(200);
  // Further failures make the wait longer than a restart takes.
  for (let count = 0; count < 5; count += 1) {
    await sql`update failed_attempts set last_at = last_at - interval '3 min' where kind = 'login_account'`;
    expect((await login(right, 'alice', 'wrong-one', '198.51.100.3')).status).toBe(401);
  }
  await right.kill();
  await right[Symbol.asyncDispose]();
  right = await start();
  expect((await login(right, 'alice', 'push-to-talk', '198.51.100.4')).status).toBe(429);
});

it('attempts at once with both overshoot by what both may have under way, and no more', async () => {
  const answers = await Promise.all(
    [left, right].flatMap((neda, process) =>
      Array.from({ length: 30 }, (_, index) => login(neda, 'carol', 'wrong-one', `198.51.10${process}.${index}`)),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  const failed = statuses.filter((status) => status === 401).length;
  expect(failed).toBeGreaterThanOrEqual(5);
  expect(failed).toBeLessThanOrEqual(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(60 - failed);
});

it('wrong pairing codes are counted together', async () => {
  const pair = (neda: Neda) => {
    const headers = { 'x-forwarded-for': '2001:db8:7:7::1' };
    return neda.rest.request('POST', '/api/v1/auth/pair', { headers, body: { code: 'BCDF-GHJK', device } });
  };
  for (let count = 0; count < 5; count += 1) {
    expect((await pair(left)).status).toBe(401);
    expect((await pair(right)).status).toBe(401);
  }
  expect((await pair(left)).status).toBe(429);
  expect((await pair(right)).status).toBe(429);
});
