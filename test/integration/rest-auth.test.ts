import { SignJWT } from 'jose';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server[Symbol.asyncDispose]());

const device = { name: ' My watch ', kind: 'watch' };

async function refreshRefused(refreshToken: string): Promise<string> {
  return (await server.rest.expectProblem(401, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } })).code;
}

async function me(token: string): Promise<number> {
  return (await server.rest.request('GET', '/api/v1/auth/me', { token })).status;
}

/** How many refused logins the audit holds. */
async function refusedLogins(): Promise<number> {
  const sql = postgres(server.databaseUrl, { max: 1 });
  try {
    const rows = await sql`select 1 from audit where action = 'auth.login' and result = 'failure'`;
    return rows.length;
  } finally {
    await sql.end();
  }
}

describe('login', () => {
  it('answers tokens, for a name in any case', async () => {
    const body = { username: 'ALICE', password: 'push-to-talk', device };
    const tokens = await server.rest.expect(200, 'POST', '/api/v1/auth/login', { body });
    expect(tokens).toEqual({
      accessToken: expect.any(String),
      tokenType: 'Bearer',
      expiresInMs: 600_000,
      refreshToken: expect.any(String),
      session: { id: expect.stringMatching(/^[0-9a-f-]{36}$/) },
      user: { id: expect.any(String), username: 'alice', displayName: 'Alice', role: 'user' },
    });
    const { accessToken, session, user } = wire.tokens.parse(tokens);
    expect(JSON.parse(Buffer.from(accessToken.split('.')[0] ?? '', 'base64url').toString())).toEqual({
      alg: 'HS256',
      typ: 'at+jwt',
    });
    expect(await server.rest.expect(200, 'GET', '/api/v1/auth/me', { token: accessToken })).toEqual({
      user,
      session: {
        id: session.id,
        userId: user.id,
        device: { name: 'My watch', kind: 'watch' },
        createdAt: expect.stringMatching(/Z$/),
        lastSeenAt: expect.stringMatching(/Z$/),
        current: true,
      },
    });
  });

  it('refuses an unknown name, a wrong password, a disabled user and one without a password alike', async () => {
    const admin = (await server.rest.login('admin')).accessToken;
    const disabled = await server.rest.createUser(admin, { username: 'disabled.one' });
    await server.rest.expect(200, 'PATCH', `/api/v1/admin/users/${disabled.id}`, {
      token: admin,
      body: { disabled: true },
    });
    const withoutPassword = { username: 'no-password', displayName: 'No password' };
    await server.rest.expect(201, 'POST', '/api/v1/admin/users', { token: admin, body: withoutPassword });
    const attempts = [
      ['alice', 'wrong-password'],
      ['nobody', 'push-to-talk'],
      ['disabled.one', 'push-to-talk'],
      ['no-password', 'push-to-talk'],
      ['not a user name \u0000', 'push-to-talk'],
    ];
    const problems = [];
    const before = await refusedLogins();
    for (const [username, password] of attempts) {
      const problem = await server.rest.expectProblem(401, 'POST', '/api/v1/auth/login', {
        body: { username, password, device },
      });
      problems.push({ ...problem, requestId: '' });
    }
    expect(problems[0]?.code).toBe('invalid_credentials');
    expect(new Set(problems.map((problem) => JSON.stringify(problem))).size).toBe(1);
    expect((await refusedLogins()) - before).toBe(attempts.length);
  });
});

describe('access tokens', () => {
  async function forged(options: {
    typ?: string;
    key?: string;
    audience?: string;
    issuer?: string;
    /** A username, or what is none and stands there as it is. */
    subject?: 'bob' | 'x';
    session?: string;
    withoutExpiry?: boolean;
    alg?: 'HS256' | 'HS512';
    expired?: boolean;
  }): Promise<string> {
    const { session, user } = await server.rest.login('alice');
    const key = options.key ?? server.container.config.auth.secretKey.reveal();
    const bob = options.subject === 'bob' ? (await server.rest.login('bob')).user.id : undefined;
    const token = new SignJWT({ sid: options.session ?? session.id, rot: 0, pair: 'x' })
      .setProtectedHeader({ alg: options.alg ?? 'HS256', typ: options.typ ?? 'at+jwt' })
      .setSubject(bob ?? options.subject ?? user.id)
      .setIssuer(options.issuer ?? 'neda')
      .setAudience(options.audience ?? 'neda:api')
      .setIssuedAt();
    if (options.withoutExpiry !== true) token.setExpirationTime(options.expired === true ? '-1s' : '1m');
    return token.sign(new TextEncoder().encode(key));
  }

  it.each([
    ['none wrong', {}, 200, ''],
    ['another type', { typ: 'JWT' }, 401, 'token_wrong_type'],
    ['another key', { key: 'another-key-0123456789-0123456789-0123456789' }, 401, 'token_invalid'],
    ['another audience', { audience: 'elsewhere' }, 401, 'token_invalid'],
    ['another issuer', { issuer: 'elsewhere' }, 401, 'token_invalid'],
    ["another's session", { subject: 'bob' }, 401, 'token_invalid'],
    ['a user that is no id', { subject: 'x' }, 401, 'token_invalid'],
    ['a session that is no id', { session: 'a\0b' }, 401, 'token_invalid'],
    ['no expiry', { withoutExpiry: true }, 401, 'token_invalid'],
    ['another algorithm', { alg: 'HS512' }, 401, 'token_invalid'],
    ['expired', { expired: true }, 401, 'token_expired'],
  ] as const)('with %s', async (_name, options, status, code) => {
    const answer = await server.rest.request('GET', '/api/v1/auth/me', { token: await forged(options) });
    expect(answer.status).toBe(status);
    if (code !== '') expect(wire.problem.parse(answer.body).code).toBe(code);
  });

  it('without a signature are refused', async () => {
    const { accessToken } = await server.rest.login('alice');
    const [, payload] = accessToken.split('.');
    const header = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url');
    expect(await me(`${header}.${payload ?? ''}.`)).toBe(401);
  });

  it('and refresh tokens are not taken for one another', async () => {
    const { accessToken, refreshToken } = await server.rest.login('alice');
    const problem = await server.rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: refreshToken });
    expect(problem.code).toBe('token_wrong_type');
    expect(await refreshRefused(accessToken)).toBe('token_wrong_type');
  });

  it('of the key before a rotation are still accepted', async () => {
    const { accessToken, refreshToken } = await server.rest.login('alice');
    const rotated = await startInProcess({
      databaseUrl: server.databaseUrl,
      environment: {
        SECRET_KEY: 'the-new-key-0123456789-0123456789-0123456789',
        SECRET_KEY_PREVIOUS: server.container.config.auth.secretKey.reveal(),
      },
    });
    try {
      await rotated.rest.expect(200, 'GET', '/api/v1/auth/me', { token: accessToken });
      const fresh = wire.tokens.parse(
        await rotated.rest.expect(200, 'POST', '/api/v1/auth/refresh', { body: { refreshToken } }),
      );
      await rotated.rest.expect(200, 'GET', '/api/v1/auth/me', { token: fresh.accessToken });
      expect(await me(fresh.accessToken)).toBe(401);
    } finally {
      await rotated[Symbol.asyncDispose]();
    }
  });
});

describe('sessions', () => {
  it('are listed newest first, and ended one by one', async () => {
    const phone = await server.rest.login('carol', 'push-to-talk', { name: 'phone', kind: 'phone' });
    const watch = await server.rest.login('carol', 'push-to-talk', { name: 'watch', kind: 'watch' });
    const page = await server.rest.expect(200, 'GET', '/api/v1/auth/sessions', { token: phone.accessToken });
    expect(page).toMatchObject({
      items: [
        { id: watch.session.id, current: false },
        { id: phone.session.id, current: true, device: { name: 'phone', kind: 'phone' } },
      ],
      nextCursor: null,
    });
    await server.rest.expect(204, 'DELETE', `/api/v1/auth/sessions/${watch.session.id}`, { token: phone.accessToken });
    const problem = await server.rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: watch.accessToken });
    expect(problem.code).toBe('token_invalid');
    await server.rest.expectProblem(404, 'DELETE', `/api/v1/auth/sessions/${watch.session.id}`, {
      token: phone.accessToken,
    });
  });

  it("of others are not found, and their owners' stay", async () => {
    const bob = await server.rest.login('bob');
    const alice = await server.rest.login('alice');
    await server.rest.expectProblem(404, 'DELETE', `/api/v1/auth/sessions/${bob.session.id}`, {
      token: alice.accessToken,
    });
    expect(await me(bob.accessToken)).toBe(200);
  });

  it('end with logout', async () => {
    const bob = await server.rest.login('bob');
    await server.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: bob.accessToken });
    expect(await me(bob.accessToken)).toBe(401);
    expect(await refreshRefused(bob.refreshToken)).toBe('token_invalid');
  });
});

describe('password', () => {
  it('is changed with the current one, and other sessions end', async () => {
    const admin = (await server.rest.login('admin')).accessToken;
    await server.rest.createUser(admin, { username: 'dora' });
    const here = await server.rest.login('dora');
    const there = await server.rest.login('dora');
    const change = (currentPassword: string, newPassword: string) => ({
      token: here.accessToken,
      body: { currentPassword, newPassword },
    });
    const path = '/api/v1/auth/password';
    expect((await server.rest.expectProblem(403, 'POST', path, change('wrong', 'a-new-password'))).code).toBe(
      'wrong_password',
    );
    const short = await server.rest.expectProblem(400, 'POST', path, change('push-to-talk', 'short'));
    expect(short.code).toBe('validation_failed');
    const common = await server.rest.expectProblem(400, 'POST', path, change('push-to-talk', 'Password123'));
    expect(common['errors']).toMatchObject([{ path: 'newPassword' }]);
    await server.rest.expect(204, 'POST', path, change('push-to-talk', 'a-new-password'));
    expect(await me(here.accessToken)).toBe(200);
    expect(await me(there.accessToken)).toBe(401);
    await server.rest.login('dora', 'a-new-password');
  });
});
