import postgres from 'postgres';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { until } from '../_support/until.ts';

/** Many passwords are hashed one after the other. */
vi.setConfig({ testTimeout: 180_000 });

let server: InProcessServer;
let sql: postgres.Sql;

beforeEach(async () => {
  server = await startInProcess({ environment: { RATE_LIMITS: 'on', TRUSTED_PROXIES: '127.0.0.1' } });
  sql = postgres(server.databaseUrl, { max: 1 });
  await holdTime();
});

afterEach(async () => {
  await sql.end();
  await server[Symbol.asyncDispose]();
});

const device = { name: 'w', kind: 'watch' };

function attempt(username: string, password: string, address = '198.51.100.1') {
  const headers = { 'x-forwarded-for': address };
  return server.rest.request('POST', '/api/v1/auth/login', { headers, body: { username, password, device } });
}

function pair(code: string, address: string) {
  const headers = { 'x-forwarded-for': address };
  return server.rest.request('POST', '/api/v1/auth/pair', { headers, body: { code, device } });
}

/** So long no failure grows old by itself: how soon a busy machine comes to the next attempt decides nothing. */
const HELD_S = 3_600;

/** Failures that cost a wait are noted as of later; triggers are off for what the test itself changes. */
async function holdTime(): Promise<void> {
  await sql.unsafe(`
    create function hold_time() returns trigger language plpgsql as $$
    begin
      if new.kind = 'login_account' and new.count >= 5 then new.last_at := new.last_at + interval '${HELD_S} s'; end if;
      if tg_op = 'INSERT' then new.ends_at := new.ends_at + interval '${HELD_S} s'; end if;
      return new;
    end $$;
    create trigger hold_time before insert or update on failed_attempts for each row execute function hold_time();
    set session_replication_role = replica`);
}

/** As if that much time had passed since every failure so far. */
async function letPass(seconds: number): Promise<void> {
  await sql`update failed_attempts
    set last_at = last_at - ${seconds} * interval '1 s', ends_at = ends_at - ${seconds} * interval '1 s'`;
}

it.each(['alice', 'nobody'])(
  'lets an account (%s) fail 5 times and then makes it wait longer and longer',
  async (username) => {
    for (let count = 0; count < 5; count += 1) expect((await attempt(username, 'wrong-one')).status).toBe(401);
    const first = await attempt(username, 'wrong-one');
    expect(first.status).toBe(429);
    const firstWait = Number(first.headers.get('retry-after'));
    expect(firstWait).toBeGreaterThanOrEqual(HELD_S - 60);
    await letPass(firstWait);
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
  await letPass(HELD_S + 60);
  expect((await attempt('alice', 'push-to-talk')).status).toBe(200);
});

it.each([
  ['2001:db8:1:2::1', '2001:db8:1:2:ffff::9', '2001:db8:1:3::1'],
  ['::ffff:198.51.100.7', '198.51.100.7', '::ffff:198.51.100.8'],
])('counts %s and %s as one address, and %s as another', async (first, same, other) => {
  for (let count = 0; count < 10; count += 1) expect((await pair('BCDF-GHJK', first)).status).toBe(401);
  expect((await pair('BCDF-GHJK', same)).status).toBe(429);
  expect((await pair('BCDF-GHJK', other)).status).toBe(401);
});

it('lets an address be wrong about 10 pairing codes a minute, and takes right ones uncounted', async () => {
  const admin = (await server.rest.login('admin')).accessToken;
  const { id } = await server.rest.createUser(admin, { username: 'watch' });
  const codeFor = async (): Promise<string> => {
    const path = `/api/v1/admin/users/${id}/pairing-codes`;
    return z.object({ code: z.string() }).parse(await server.rest.expect(201, 'POST', path, { token: admin })).code;
  };
  const here = '198.51.100.1';
  for (let count = 0; count < 12; count += 1) expect((await pair(await codeFor(), here)).status).toBe(200);
  for (let count = 0; count < 9; count += 1) expect((await pair('BCDF-GHJK', here)).status).toBe(401);
  expect((await pair(await codeFor(), here)).status).toBe(200);
  expect((await pair('no code at all', here)).status).toBe(401);
  const code = await codeFor();
  const refused = await pair(code, here);
  expect(refused.status).toBe(429);
  expect(refused.body).toMatchObject({ code: 'too_many_requests' });
  const wait = Number(refused.headers.get('retry-after'));
  expect(wait).toBeGreaterThan(0);
  expect(wait).toBeLessThanOrEqual(HELD_S + 60);
  expect((await attempt('alice', 'push-to-talk', here)).status).toBe(200);
  expect((await pair(await codeFor(), '198.51.100.2')).status).toBe(200);
  await letPass(wait);
  expect((await pair(code, here)).status).toBe(200);
});

it('lets 10 pairing codes of an address be wrong also when they come at once', async () => {
  const answers = await Promise.all(Array.from({ length: 60 }, () => pair('BCDF-GHJK', '198.51.100.1')));
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 401)).toHaveLength(10);
  expect(statuses.filter((status) => status === 429)).toHaveLength(50);
});

it('says 429 to an address over its limit before it looks at what was sent', async () => {
  const here = '198.51.100.1';
  for (let count = 0; count < 10; count += 1) expect((await pair('BCDF-GHJK', here)).status).toBe(401);
  for (let count = 0; count < 60; count += 1) expect((await attempt(`nobody-${count}`, 'wrong')).status).toBe(401);
  const json = { 'content-type': 'application/json' };
  const bad: ReadonlyArray<readonly [query: string, type: Record<string, string>, rawBody: string, otherwise: number]> =
    [
      ['', json, '{', 400],
      ['', json, '{}', 400],
      ['', json, 'x'.repeat(20_000), 413],
      ['', { 'content-type': 'text/plain' }, 'x', 415],
      ['?limit=%zz', json, '{}', 400],
      ['?token=x', json, '{}', 400],
    ];
  for (const path of ['/api/v1/auth/login', '/api/v1/auth/pair']) {
    for (const [query, type, rawBody, otherwise] of bad) {
      const statusFor = async (address: string): Promise<number> => {
        const headers = { ...type, 'x-forwarded-for': address };
        return (await server.rest.request('POST', `${path}${query}`, { headers, rawBody })).status;
      };
      expect(`${path}${query} ${await statusFor(here)}`).toBe(`${path}${query} 429`);
      expect(`${path}${query} ${await statusFor('198.51.100.2')}`).toBe(`${path}${query} ${otherwise}`);
    }
  }
  await letPass(HELD_S + 60);
  expect((await attempt('alice', 'push-to-talk')).status).toBe(200);
});

interface Row {
  readonly action: string;
  readonly actor_type: string;
  readonly target_id: string | null;
  readonly result: string;
  readonly details: unknown;
}

function throttledRows(): Promise<Row[]> {
  return sql<Row[]>`select action, actor_type, target_id, result, details from audit
    where details ->> 'reason' = 'throttled' order by id`;
}

/** One row for each of `many` that are throttled, and one more where the minute has turned. */
async function expectThrottled(many: number, sinceMs: number, row: Partial<Row>): Promise<void> {
  await until(async () => (await throttledRows()).length >= many, {
    limitMs: 15_000,
    describe: () => 'what was throttled is recorded',
  });
  const minutes = Math.floor(Date.now() / 60_000) - Math.floor(sinceMs / 60_000) + 1;
  const rows = await throttledRows();
  expect(rows.length).toBeLessThanOrEqual(many * minutes);
  const common = { actor_type: 'anonymous', target_id: null, result: 'failure', details: { reason: 'throttled' } };
  expect(rows).toEqual(rows.map(() => ({ ...common, ...row })));
}

it('records attempts that it throttles, once a minute for an account or an address', async () => {
  const sinceMs = Date.now();
  for (const account of ['alice', 'nobody']) {
    for (let count = 0; count < 5; count += 1) expect((await attempt(account, 'wrong-one')).status).toBe(401);
    for (let count = 0; count < 5; count += 1) expect((await attempt(account, 'wrong-one')).status).toBe(429);
  }
  await expectThrottled(2, sinceMs, { action: 'auth.login' });
});

it('records an address that is throttled before its body is read', async () => {
  const sinceMs = Date.now();
  for (let count = 0; count < 60; count += 1) await attempt(`nobody-${count}`, 'wrong-one');
  for (let count = 0; count < 5; count += 1) expect((await attempt(`other-${count}`, 'wrong-one')).status).toBe(429);
  await expectThrottled(1, sinceMs, { action: 'auth.login' });
});

it('records pairing that it throttles, once a minute for an address', async () => {
  const sinceMs = Date.now();
  for (const address of ['198.51.100.1', '198.51.100.2']) {
    for (let count = 0; count < 10; count += 1) expect((await pair('BCDF-GHJK', address)).status).toBe(401);
    for (let count = 0; count < 5; count += 1) expect((await pair('BCDF-GHJK', address)).status).toBe(429);
  }
  await expectThrottled(2, sinceMs, { action: 'auth.paired' });
});

it('records throttled changes of a password, on whom they were', async () => {
  const sinceMs = Date.now();
  const { accessToken, user } = await server.rest.login('alice');
  const body = { currentPassword: 'wrong-one', newPassword: 'a-new-password' };
  const statuses: number[] = [];
  for (let count = 0; count < 8; count += 1) {
    statuses.push((await server.rest.request('POST', '/api/v1/auth/password', { token: accessToken, body })).status);
  }
  expect(statuses).toEqual([403, 403, 403, 403, 403, 429, 429, 429]);
  await expectThrottled(1, sinceMs, { action: 'auth.password_changed', actor_type: 'user', target_id: user.id });
});

it('stores neither what was typed as a name nor an address', async () => {
  await attempt('my-password-by-mistake', 'wrong-one', '198.51.100.77');
  await pair('BCDF-GHJK', '198.51.100.77');
  const rows = await sql<{ whole: string }[]>`select row_to_json(f)::text as whole from failed_attempts f`;
  expect(rows).toHaveLength(3);
  const all = `${rows.map(({ whole }) => whole).join('')}${server.log()}`;
  expect(all).not.toContain('my-password-by-mistake');
  expect(rows.map(({ whole }) => whole).join('')).not.toContain('198.51.100.77');
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
