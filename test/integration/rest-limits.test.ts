import { afterEach, beforeEach, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';

let database: TestDatabase;
let server: InProcessServer;
let nowShiftMs = 0;

beforeEach(async () => {
  nowShiftMs = 0;
  database = await createDatabase();
  const clock = { nowMs: () => Date.now() + nowShiftMs, monotonicMs: () => performance.now() + nowShiftMs };
  server = await startInProcess({
    databaseUrl: database.url,
    environment: { RATE_LIMITS: 'on', TRUSTED_PROXIES: '127.0.0.1' },
    overrides: { clock },
  });
});

afterEach(async () => {
  await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const device = { name: 'w', kind: 'watch' };

function attempt(username: string, password: string, address = '198.51.100.1') {
  const headers = { 'x-forwarded-for': address };
  return server.rest.request('POST', '/api/v1/auth/login', { headers, body: { username, password, device } });
}

it.each(['alice', 'nobody'])(
  'lets an account (%s) fail 5 times and then makes it wait longer and longer',
  async (username) => {
    for (let count = 0; count < 5; count += 1) expect((await attempt(username, 'wrong-one')).status).toBe(401);
    const first = await attempt(username, 'wrong-one');
    expect(first.status).toBe(429);
    const firstWait = Number(first.headers.get('retry-after'));
    expect(firstWait).toBeGreaterThanOrEqual(1);
    nowShiftMs += firstWait * 1_000;
    expect((await attempt(username, 'wrong-one')).status).toBe(401);
    const second = await attempt(username.toUpperCase(), 'push-to-talk');
    expect(second.status).toBe(429);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(firstWait);
  },
);

it('forgets the failures of an account when it signs in', async () => {
  for (let count = 0; count < 4; count += 1) await attempt('alice', 'wrong-one');
  expect((await attempt('alice', 'push-to-talk')).status).toBe(200);
  for (let count = 0; count < 4; count += 1) expect((await attempt('alice', 'wrong-one')).status).toBe(401);
});

it('lets an account fail 5 times also when the attempts come at once', async () => {
  const attempts = Array.from({ length: 120 }, (_, index) => attempt('alice', 'wrong-one', `198.51.100.${index}`));
  const statuses = (await Promise.all(attempts)).map((answer) => answer.status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(115);
});

it('lets an address fail 60 times also when the attempts come at once', async () => {
  const attempts = Array.from({ length: 100 }, (_, index) => attempt(`nobody-${index}`, 'wrong-one'));
  const statuses = (await Promise.all(attempts)).map((answer) => answer.status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(60);
  expect(statuses.filter((status) => status === 429)).toHaveLength(40);
});

it('counts wrong current passwords that come at once too', async () => {
  const { accessToken } = await server.rest.login('alice');
  const body = { currentPassword: 'wrong-one', newPassword: 'a-new-password' };
  const attempts = Array.from({ length: 20 }, () =>
    server.rest.request('POST', '/api/v1/auth/password', { token: accessToken, body }),
  );
  const statuses = (await Promise.all(attempts)).map((answer) => answer.status);
  expect(statuses.filter((status) => status === 403)).toHaveLength(5);
  expect(statuses.filter((status) => status === 429)).toHaveLength(15);
});

it('lets everybody sign in at once who knows the password, also beside wrong attempts', async () => {
  const right = Array.from({ length: 12 }, () => attempt('alice', 'push-to-talk'));
  expect(new Set((await Promise.all(right)).map((answer) => answer.status))).toEqual(new Set([200]));
  const mixed = await Promise.all([
    ...Array.from({ length: 4 }, () => attempt('alice', 'wrong-one')),
    attempt('alice', 'push-to-talk'),
  ]);
  expect(mixed.map((answer) => answer.status)).toEqual([401, 401, 401, 401, 200]);
});

it('lets an address fail 60 times a minute, and others go on', async () => {
  for (let count = 0; count < 60; count += 1) expect((await attempt(`nobody-${count}`, 'wrong-one')).status).toBe(401);
  expect((await attempt('alice', 'push-to-talk')).status).toBe(429);
  expect((await attempt('alice', 'push-to-talk', '198.51.100.2')).status).toBe(200);
  nowShiftMs += 60_000;
  expect((await attempt('alice', 'push-to-talk')).status).toBe(200);
});

it('answers 1200 requests a minute and address, and 429 before anything else', async () => {
  const ask = (url: string, remoteAddress: string) => server.app.inject({ url, remoteAddress });
  for (let count = 0; count < 1_200; count += 1) await ask('/api/v1/nowhere', '203.0.113.5');
  const refused = await ask('/api/v1/auth/me?token=x', '203.0.113.5');
  expect(refused.statusCode).toBe(429);
  expect(refused.headers['content-type']).toBe('application/problem+json');
  expect(Number(refused.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  expect(refused.json()).toMatchObject({ code: 'too_many_requests' });
  expect((await ask('/api/v1/nowhere', '203.0.113.5')).statusCode).toBe(429);
  expect((await ask('/api/v1/auth/me', '203.0.113.6')).statusCode).toBe(401);
});
