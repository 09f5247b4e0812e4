import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startInProcess, type InProcessServer } from './in-process.ts';
import type { RestAnswer } from '../_support/rest.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;
let sql: postgres.Sql;
let admin: wire.Tokens;
let serial = 0;

beforeAll(async () => {
  server = await startInProcess();
  sql = postgres(server.databaseUrl, { max: 2, onnotice: () => undefined });
  admin = await server.rest.login('admin');
});

afterAll(async () => {
  await sql.end();
  await server[Symbol.asyncDispose]();
});

const device = { name: 'Wrist', kind: 'watch' };
const pairingCode = z.strictObject({ code: z.string(), expiresInMs: z.number() });

function someone(fields: { password?: string } = {}): Promise<wire.User> {
  serial += 1;
  return server.rest.createUser(admin.accessToken, { username: `watch-${serial}`, ...fields });
}

async function codeFor(userId: string): Promise<string> {
  const path = `/api/v1/admin/users/${userId}/pairing-codes`;
  return pairingCode.parse(await server.rest.expect(201, 'POST', path, { token: admin.accessToken })).code;
}

function pair(code: unknown, rest = server.rest): Promise<RestAnswer> {
  return rest.request('POST', '/api/v1/auth/pair', { body: { code, device } });
}

async function change(userId: string, body: object): Promise<void> {
  await server.rest.expect(200, 'PATCH', `/api/v1/admin/users/${userId}`, { token: admin.accessToken, body });
}

describe('a pairing code', () => {
  it('is made by an admin, shown as two fours, and lasts 10 minutes by the clock of the database', async () => {
    const { id } = await someone();
    const path = `/api/v1/admin/users/${id}/pairing-codes`;
    const made = await server.rest.expect(201, 'POST', path, { token: admin.accessToken, body: {} });
    expect(made).toEqual({
      code: expect.stringMatching(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/),
      expiresInMs: 600_000,
    });
    const rows = await sql<{ life: number; isNew: boolean }[]>`
      select extract(epoch from expires_at - created_at)::int as life, now() - created_at < interval '30 s' as "isNew"
      from pairing_codes where user_id = ${id}`;
    expect(rows).toEqual([{ life: 600, isNew: true }]);
  });

  it('is not made for nobody, nor for a disabled or deleted user', async () => {
    const token = admin.accessToken;
    const { id } = await someone();
    const path = `/api/v1/admin/users/${id}/pairing-codes`;
    await change(id, { disabled: true });
    expect((await server.rest.expectProblem(409, 'POST', path, { token })).code).toBe('user_disabled');
    await server.rest.expect(204, 'DELETE', `/api/v1/admin/users/${id}`, { token });
    expect((await server.rest.expectProblem(404, 'POST', path, { token })).code).toBe('not_found');
    const alice = await server.rest.login('alice');
    await server.rest.expectProblem(403, 'POST', path, { token: alice.accessToken });
    await server.rest.expectProblem(401, 'POST', path);
  });

  it('signs a device in, with tokens that work like those of a login', async () => {
    const user = await someone();
    const answer = await pair(await codeFor(user.id));
    expect(answer.status).toBe(200);
    const tokens = wire.tokens.parse(answer.body);
    expect(tokens).toMatchObject({
      tokenType: 'Bearer',
      expiresInMs: 600_000,
      user: { id: user.id, username: user.username, role: 'user' },
    });
    const me = await server.rest.expect(200, 'GET', '/api/v1/auth/me', { token: tokens.accessToken });
    expect(me).toMatchObject({ session: { id: tokens.session.id, device } });
    const body = { refreshToken: tokens.refreshToken };
    await server.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body });
  });

  it.each([
    ['lower case', (code: string) => code.toLowerCase()],
    ['no hyphen', (code: string) => code.replace('-', '')],
    ['spaces and hyphens', (code: string) => ` ${[...code.replace('-', '')].join(' - ')} `],
  ])('is taken with %s', async (_name, typed) => {
    const { id } = await someone();
    expect((await pair(typed(await codeFor(id)))).status).toBe(200);
  });

  it('is taken once, also when it is posted many times at once', async () => {
    const { id } = await someone();
    for (let round = 0; round < 5; round += 1) {
      const code = await codeFor(id);
      const answers = await Promise.all(Array.from({ length: 8 }, () => pair(code)));
      expect(answers.map(({ status }) => status).toSorted((left, right) => left - right)).toEqual([
        200, 401, 401, 401, 401, 401, 401, 401,
      ]);
    }
    const sessions = await sql`select 1 from auth_sessions where user_id = ${id}`;
    expect(sessions).toHaveLength(5);
  });

  it('stands beside others of the same user', async () => {
    const { id } = await someone();
    const codes = [await codeFor(id), await codeFor(id), await codeFor(id)];
    for (const code of codes.toReversed()) expect((await pair(code)).status).toBe(200);
  });

  it('is kept as a hash that needs the key', async () => {
    const { id } = await someone();
    const code = await codeFor(id);
    const [row] = await sql<{ whole: string }[]>`
      select row_to_json(c)::text as whole from pairing_codes c where user_id = ${id}`;
    expect(row?.whole.toUpperCase()).not.toContain(code.replace('-', ''));
    expect(row?.whole.toUpperCase()).not.toContain(code);
    const other = await startInProcess({
      databaseUrl: server.databaseUrl,
      environment: { SECRET_KEY: 'another-key-0123456789-0123456789-0123456789' },
    });
    try {
      expect((await pair(code, other.rest)).status).toBe(401);
    } finally {
      await other[Symbol.asyncDispose]();
    }
    expect((await pair(code)).status).toBe(200);
  });

  it('of the key before a rotation is still accepted', async () => {
    const { id } = await someone();
    const code = await codeFor(id);
    const rotated = await startInProcess({
      databaseUrl: server.databaseUrl,
      environment: {
        SECRET_KEY: 'the-new-key-0123456789-0123456789-0123456789',
        SECRET_KEY_PREVIOUS: server.container.config.auth.secretKey.reveal(),
      },
    });
    try {
      expect((await pair(code, rotated.rest)).status).toBe(200);
    } finally {
      await rotated[Symbol.asyncDispose]();
    }
  });
});

describe('a code that is not open', () => {
  it('is refused alike, whatever is the matter with it', async () => {
    const used = await codeFor((await someone()).id);
    await pair(used);
    const expiredUser = await someone();
    const expired = await codeFor(expiredUser.id);
    await sql`update pairing_codes set created_at = created_at - interval '1 h', expires_at = now() - interval '1 ms'
      where user_id = ${expiredUser.id}`;
    const disabledUser = await someone();
    const ofDisabled = await codeFor(disabledUser.id);
    await sql`update users set disabled = true where id = ${disabledUser.id}`;
    const problems = [];
    for (const code of ['BCDF-GHJK', used, expired, ofDisabled, '', '-', 'AEIOU', '\u0000', 'B'.repeat(64), '%_']) {
      const answer = await pair(code);
      expect(answer.status).toBe(401);
      problems.push({ ...wire.problem.parse(answer.body), requestId: '' });
    }
    expect(problems[0]?.code).toBe('invalid_credentials');
    const body = { username: 'admin', password: 'not this one', device };
    problems.push({ ...(await server.rest.expectProblem(401, 'POST', '/api/v1/auth/login', { body })), requestId: '' });
    expect(new Set(problems.map((problem) => JSON.stringify(problem))).size).toBe(1);
  });

  it.each([
    ['a number', 12_345_678, 'code'],
    ['nothing', null, 'code'],
    ['too long', 'B'.repeat(65), 'code'],
  ])('is no request when it is %s', async (_name, code, path) => {
    const answer = await pair(code);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code: 'validation_failed', errors: [{ path }] });
  });

  it.each<[string, (userId: string) => Promise<unknown>]>([
    [
      'disabled, also when he is enabled again',
      async (id) => {
        await change(id, { disabled: true });
        await change(id, { disabled: false });
      },
    ],
    ['given a new password by an admin', (id) => change(id, { password: 'a-new-password' })],
    ['deleted', (id) => server.rest.expect(204, 'DELETE', `/api/v1/admin/users/${id}`, { token: admin.accessToken })],
  ])('is every code of a user who was %s', async (_name, revoke) => {
    const { id } = await someone();
    const codes = [await codeFor(id), await codeFor(id)];
    const [kept, ...others] = [await codeFor((await someone()).id), ...codes];
    await revoke(id);
    for (const code of others) expect((await pair(code)).status).toBe(401);
    expect((await pair(kept)).status).toBe(200);
  });

  it('is every code of a user who changed his password', async () => {
    const user = await someone();
    const code = await codeFor(user.id);
    const { accessToken } = await server.rest.login(user.username);
    const body = { currentPassword: 'push-to-talk', newPassword: 'a-new-password' };
    await server.rest.expect(204, 'POST', '/api/v1/auth/password', { token: accessToken, body });
    expect((await pair(code)).status).toBe(401);
  });

  it('is one whose user is disabled at the same time', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await someone();
      const code = await codeFor(id);
      const [answer] = await Promise.all([pair(code), change(id, { disabled: true })]);
      expect([200, 401]).toContain(answer.status);
      const living = await sql`select 1 from auth_sessions where user_id = ${id} and ended_at is null`;
      expect(living).toHaveLength(0);
    }
  });
});

describe('in the audit', () => {
  const entriesOf = (userId: string) => sql<{ action: string; result: string; target: string; actor: string }[]>`
    select action, result, target_type || ' ' || target_id as target, coalesce(actor_user_id::text, actor_type) as actor
    from audit where target_id = ${userId} or target_id in
      (select id::text from auth_sessions where user_id = ${userId}) order by id`;

  it('stand making, use and refusal of a code, and the code nowhere', async () => {
    const { id } = await someone();
    const code = await codeFor(id);
    const { session } = wire.tokens.parse((await pair(code)).body);
    await pair(code);
    const entries = (await entriesOf(id)).filter(({ action }) => action !== 'user.created');
    expect(entries).toEqual([
      { action: 'pairing_code.created', result: 'success', target: `user ${id}`, actor: admin.user.id },
      { action: 'auth.paired', result: 'success', target: `session ${session.id}`, actor: id },
      { action: 'auth.paired', result: 'failure', target: `user ${id}`, actor: 'anonymous' },
    ]);
    const events = await sql`select 1 from domain_event where type = 'session.created'
      and payload->>'sessionId' = ${session.id}`;
    expect(events).toHaveLength(1);
    const bare = code.replace('-', '');
    const written = await sql<{ whole: string }[]>`
      select row_to_json(a)::text as whole from audit a union all select row_to_json(e)::text from domain_event e`;
    const all = `${written.map(({ whole }) => whole).join('')}${server.log()}`;
    expect(all).not.toContain(code);
    expect(all).not.toContain(bare);
  });
});
