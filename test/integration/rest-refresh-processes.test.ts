import { afterAll, beforeAll, expect, it } from 'vitest';
import { BUSY_MS } from '../_support/busy.ts';
import { startNeda, type Neda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import * as wire from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';

/** Two processes that share a database, behind a load balancer that sends a device now here, now there. */

let database: TestDatabase;
let redis: TestRedis;
let left: Neda;
let right: Neda;

beforeAll(async () => {
  [database, redis] = await Promise.all([createDatabase(), startRedis()]);
  const env = { SECRET_KEY: 'only-for-tests-0123456789-0123456789-0123456789' };
  left = await startNeda({ databaseUrl: database.url, redisUrl: redis.url, env });
  right = await startNeda({ databaseUrl: database.url, redisUrl: redis.url, env });
});

afterAll(async () => {
  await left[Symbol.asyncDispose]();
  await right[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

async function refresh(neda: Neda, refreshToken: string): Promise<wire.Tokens> {
  return wire.tokens.parse(await neda.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } }));
}

async function refreshRefused(neda: Neda, refreshToken: string): Promise<string> {
  return (await neda.rest.expectProblem(401, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } })).code;
}

async function me(neda: Neda, token: string): Promise<number> {
  return (await neda.rest.request('GET', '/api/v1/auth/me', { token })).status;
}

it('refreshes of one token with both at once all give tokens that work with both', async () => {
  for (let round = 0; round < 5; round += 1) {
    const first = await left.rest.login('alice');
    const answers = await Promise.all([left, right, left, right].map((neda) => refresh(neda, first.refreshToken)));
    for (const { accessToken, session } of answers) {
      expect(session.id).toBe(first.session.id);
      expect(await me(left, accessToken)).toBe(200);
      expect(await me(right, accessToken)).toBe(200);
    }
    const [kept] = answers;
    if (kept === undefined) throw new Error('no answer');
    const next = await refresh(right, kept.refreshToken);
    expect(await me(left, next.accessToken)).toBe(200);
  }
});

it('an answer that was lost is asked for again, with the other process', async () => {
  const first = await left.rest.login('bob');
  await refresh(left, first.refreshToken);
  expect(await me(right, first.accessToken)).toBe(200);
  const second = await refresh(right, first.refreshToken);
  await refresh(left, second.refreshToken);
  const third = await refresh(right, second.refreshToken);
  expect(await me(left, third.accessToken)).toBe(200);
});

it('a token is reuse for both once the new pair was used, by REST or by a socket, and ends the socket', async () => {
  const first = await left.rest.login('carol');
  const second = await refresh(left, first.refreshToken);
  const client = await WsClient.signIn(right.origin, second.accessToken);
  expect(await refreshRefused(left, first.refreshToken)).toBe('refresh_reused');
  expect(await client.closed(2_000 + BUSY_MS)).toEqual({ code: 4503, reason: 'session_revoked' });
  expect(await me(right, second.accessToken)).toBe(401);
  expect(await refreshRefused(right, second.refreshToken)).toBe('token_invalid');
});

it('a logout with one is at once an end for the other', async () => {
  const tokens = await left.rest.login('alice');
  expect(await me(right, tokens.accessToken)).toBe(200);
  await left.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: tokens.accessToken });
  expect(await me(right, tokens.accessToken)).toBe(401);
  expect(await refreshRefused(right, tokens.refreshToken)).toBe('token_invalid');
});
