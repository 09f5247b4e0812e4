import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { startInProcess, type InProcessServer } from './in-process.ts';
import type { RestAnswer } from '../_support/rest.ts';
import { until } from '../_support/until.ts';
import type * as wire from '../_support/wire.ts';

/** What happens when a user changes while he signs in: the test holds his row as the change would. */

let server: InProcessServer;
let sql: postgres.Sql;
let admin: string;
let serial = 0;

beforeAll(async () => {
  server = await startInProcess();
  sql = postgres(server.databaseUrl, { max: 3 });
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(async () => {
  await sql.end();
  await server[Symbol.asyncDispose]();
});

const device = { name: 'w', kind: 'watch' };

function someone(): Promise<wire.User> {
  serial += 1;
  return server.rest.createUser(admin, { username: `racer-${serial}` });
}

/** Runs `change` while `request` waits for the row of the user, and lets both end. */
async function meanwhile(
  userId: string,
  request: () => Promise<RestAnswer>,
  change: (tx: postgres.TransactionSql) => Promise<unknown>,
): Promise<RestAnswer> {
  let answer: Promise<RestAnswer> | undefined;
  await sql.begin(async (tx) => {
    await tx`select 1 from users where id = ${userId} for update`;
    answer = request();
    await until(async () => (await waiters()).length > 0, {
      limitMs: 20_000,
      describe: () => 'nobody waits for the user',
    });
    await change(tx);
  });
  if (answer === undefined) throw new Error('nothing was asked');
  return answer;
}

const waiters = () => sql`
  select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;

const setHash = (tx: postgres.TransactionSql, userId: string) =>
  tx`update users set password_hash = (select password_hash from users where username = 'alice') where id = ${userId}`;

it('a login with the password that was just replaced is refused', async () => {
  const { id, username } = await someone();
  const body = { username, password: 'push-to-talk', device };
  const answer = await meanwhile(
    id,
    () => server.rest.request('POST', '/api/v1/auth/login', { body }),
    (tx) => setHash(tx, id),
  );
  expect(answer.status).toBe(401);
  expect(answer.body).toMatchObject({ code: 'invalid_credentials' });
  expect(await sql`select 1 from auth_sessions where user_id = ${id}`).toHaveLength(0);
  const failures = await sql`select 1 from audit where target_id = ${id} and action = 'auth.login'`;
  expect(failures).toHaveLength(1);
});

it('a change of a password that was just replaced is refused', async () => {
  const { id, username } = await someone();
  const { accessToken } = await server.rest.login(username);
  const body = { currentPassword: 'push-to-talk', newPassword: 'a-new-password' };
  const answer = await meanwhile(
    id,
    () => server.rest.request('POST', '/api/v1/auth/password', { token: accessToken, body }),
    (tx) => setHash(tx, id),
  );
  expect(answer.status).toBe(403);
  expect(answer.body).toMatchObject({ code: 'wrong_password' });
});

it.each(['login', 'pair'] as const)('a %s of a user who was just disabled is refused', async (how) => {
  const { id, username } = await someone();
  const made = await server.rest.expect(201, 'POST', `/api/v1/admin/users/${id}/pairing-codes`, { token: admin });
  const { code } = z.object({ code: z.string() }).parse(made);
  const body = how === 'login' ? { username, password: 'push-to-talk', device } : { code, device };
  const answer = await meanwhile(
    id,
    () => server.rest.request('POST', `/api/v1/auth/${how}`, { body }),
    (tx) => tx`update users set disabled = true where id = ${id}`,
  );
  expect(answer.status).toBe(401);
  expect(answer.body).toMatchObject({ code: 'invalid_credentials' });
  expect(await sql`select 1 from auth_sessions where user_id = ${id}`).toHaveLength(0);
});

it('a refresh does not wait for a change of its user', async () => {
  const { id, username } = await someone();
  const { refreshToken } = await server.rest.login(username);
  await sql.begin(async (tx) => {
    await tx`select 1 from users where id = ${id} for update`;
    await server.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } });
  });
});
