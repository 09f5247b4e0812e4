import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from '../_support/in-process.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import type { RestRequest } from '../_support/rest.ts';

let database: TestDatabase;
let server: InProcessServer;
let alice: string;
let admin: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startInProcess({ databaseUrl: database.url, environment: { ALLOWED_ORIGINS: 'https://app.example' } });
  alice = (await server.rest.login('alice')).accessToken;
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057';
const json = { 'content-type': 'application/json' };

describe('problems', () => {
  it('carry all fields of the contract and the request id of the caller', async () => {
    const answer = await server.rest.request('GET', '/api/v1/nowhere', { headers: { 'x-request-id': 'abc.DEF_1-2' } });
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('x-request-id')).toBe('abc.DEF_1-2');
    expect(answer.body).toEqual({
      type: 'urn:neda:error:not_found',
      title: expect.any(String),
      status: 404,
      code: 'not_found',
      detail: expect.any(String),
      requestId: 'abc.DEF_1-2',
    });
  });

  it.each(['', 'x'.repeat(65), 'with space', 'ünï', 'a/b'])('replace the request id %j by a new one', async (given) => {
    const answer = await server.app.inject({ url: '/livez', headers: { 'x-request-id': given } });
    expect(answer.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  });
});

interface Refusal {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly as?: 'alice' | 'admin';
  readonly send?: RestRequest;
  readonly status: number;
  readonly code: string;
  readonly field?: string;
}

const login = '/api/v1/auth/login';
const device = { name: 'w', kind: 'watch' };
const refusals: readonly Refusal[] = [
  { name: 'unknown path', method: 'GET', path: '/api/v1/x', status: 404, code: 'not_found' },
  { name: 'unknown method', method: 'PUT', path: login, status: 404, code: 'not_found' },
  { name: 'OPTIONS without a preflight', method: 'OPTIONS', path: login, status: 404, code: 'not_found' },
  { name: 'trailing slash', method: 'GET', path: '/livez/', status: 404, code: 'not_found' },
  { name: 'no token', method: 'GET', path: '/api/v1/auth/me', status: 401, code: 'token_missing' },
  {
    name: 'another scheme',
    method: 'GET',
    path: '/api/v1/auth/me',
    send: { headers: { authorization: 'Basic YTpi' } },
    status: 401,
    code: 'token_missing',
  },
  {
    name: 'no JWT',
    method: 'GET',
    path: '/api/v1/auth/me',
    send: { token: 'abc' },
    status: 401,
    code: 'token_invalid',
  },
  {
    name: 'huge token',
    method: 'GET',
    path: '/api/v1/auth/me',
    send: { token: 'a'.repeat(12_000) },
    status: 401,
    code: 'token_invalid',
  },
  {
    name: '401 before the body',
    method: 'POST',
    path: '/api/v1/admin/users',
    send: { rawBody: '{', headers: json },
    status: 401,
    code: 'token_missing',
  },
  {
    name: '403 before the body',
    method: 'POST',
    path: '/api/v1/admin/users',
    as: 'alice',
    send: { rawBody: '{', headers: json },
    status: 403,
    code: 'forbidden',
  },
  {
    name: '403 before 404',
    method: 'GET',
    path: `/api/v1/admin/users/${unknownId}`,
    as: 'alice',
    status: 403,
    code: 'forbidden',
  },
  {
    name: '400 before 404',
    method: 'PATCH',
    path: `/api/v1/admin/users/${unknownId}`,
    as: 'admin',
    send: { body: { role: 'x' } },
    status: 400,
    code: 'validation_failed',
    field: 'role',
  },
  {
    name: 'text body',
    method: 'POST',
    path: login,
    send: { rawBody: 'a', headers: { 'content-type': 'text/plain' } },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'form body',
    method: 'POST',
    path: login,
    send: { rawBody: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    name: 'large body',
    method: 'POST',
    path: login,
    send: { rawBody: JSON.stringify({ username: 'x'.repeat(17_000) }), headers: json },
    status: 413,
    code: 'body_too_large',
  },
  {
    name: 'half JSON',
    method: 'POST',
    path: login,
    send: { rawBody: '{"a":', headers: json },
    status: 400,
    code: 'invalid_json',
  },
  {
    name: 'byte order mark',
    method: 'POST',
    path: login,
    send: { rawBody: '\uFEFF{}', headers: json },
    status: 400,
    code: 'invalid_json',
  },
  { name: 'no body', method: 'POST', path: login, status: 400, code: 'validation_failed', field: 'body' },
  {
    name: 'null body',
    method: 'POST',
    path: login,
    send: { rawBody: 'null', headers: json },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    name: 'array body',
    method: 'POST',
    path: login,
    send: { rawBody: '[]', headers: json },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    name: 'deep body',
    method: 'POST',
    path: login,
    send: { rawBody: '['.repeat(8_000) + ']'.repeat(8_000), headers: json },
    status: 400,
    code: 'validation_failed',
    field: 'body',
  },
  {
    name: 'unknown key',
    method: 'POST',
    path: login,
    send: { body: { username: 'a', password: 'b', device, colour: 1 } },
    status: 400,
    code: 'validation_failed',
    field: 'colour',
  },
  {
    name: 'unknown inner key',
    method: 'POST',
    path: login,
    send: { body: { username: 'a', password: 'b', device: { ...device, os: 1 } } },
    status: 400,
    code: 'validation_failed',
    field: 'device.os',
  },
  {
    name: '__proto__',
    method: 'POST',
    path: login,
    send: { rawBody: '{"__proto__":{"a":1}}', headers: json },
    status: 400,
    code: 'validation_failed',
    field: '__proto__',
  },
  {
    name: 'a key twice',
    method: 'POST',
    path: login,
    send: { rawBody: '{"username":"a","username":"b"}', headers: json },
    status: 400,
    code: 'validation_failed',
    field: 'username',
  },
  {
    name: 'number as text',
    method: 'POST',
    path: login,
    send: { body: { username: 1, password: 'b', device } },
    status: 400,
    code: 'validation_failed',
    field: 'username',
  },
  {
    name: 'wrong kind',
    method: 'POST',
    path: login,
    send: { body: { username: 'a', password: 'b', device: { name: 'w', kind: 'tv' } } },
    status: 400,
    code: 'validation_failed',
    field: 'device.kind',
  },
  {
    name: 'control character',
    method: 'POST',
    path: login,
    send: { body: { username: 'a', password: 'b', device: { name: 'w\u0000', kind: 'watch' } } },
    status: 400,
    code: 'validation_failed',
    field: 'device.name',
  },
  {
    name: '1e400',
    method: 'PATCH',
    path: `/api/v1/admin/groups/${unknownId}`,
    as: 'admin',
    send: { rawBody: '{"settings":{"maxTalkMs":1e400}}', headers: json },
    status: 400,
    code: 'validation_failed',
    field: 'settings.maxTalkMs',
  },
  {
    name: 'body where none belongs',
    method: 'POST',
    path: '/api/v1/auth/logout',
    as: 'alice',
    send: { body: { a: 1 } },
    status: 400,
    code: 'validation_failed',
    field: 'a',
  },
  {
    name: 'body of a DELETE',
    method: 'DELETE',
    path: `/api/v1/auth/sessions/${unknownId}`,
    as: 'alice',
    send: { body: { a: 1 } },
    status: 400,
    code: 'validation_failed',
    field: 'a',
  },
  {
    name: 'unknown query key',
    method: 'GET',
    path: '/api/v1/groups?x=1',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'x',
  },
  {
    name: 'query where none belongs',
    method: 'GET',
    path: '/api/v1/auth/me?x=1',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'x',
  },
  {
    name: 'query key twice',
    method: 'GET',
    path: '/api/v1/groups?limit=1&limit=2',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    name: 'limit 0',
    method: 'GET',
    path: '/api/v1/groups?limit=0',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    name: 'limit 101',
    method: 'GET',
    path: '/api/v1/groups?limit=101',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    name: 'limit 1e1',
    method: 'GET',
    path: '/api/v1/groups?limit=1e1',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'limit',
  },
  {
    name: 'bad cursor',
    method: 'GET',
    path: '/api/v1/groups?cursor=abc',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'cursor',
  },
  {
    name: 'token in the query',
    method: 'GET',
    path: '/api/v1/auth/me?token=x',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'token',
  },
  {
    name: 'token in the query alone',
    method: 'GET',
    path: '/api/v1/auth/me?access_token=x',
    status: 400,
    code: 'validation_failed',
    field: 'access_token',
  },
  {
    name: 'ticket on a public path',
    method: 'GET',
    path: '/livez?ticket=x',
    status: 400,
    code: 'validation_failed',
    field: 'ticket',
  },
  {
    name: 'token escaped',
    method: 'GET',
    path: '/livez?%74oken=x',
    status: 400,
    code: 'validation_failed',
    field: 'token',
  },
  {
    name: 'bad percent-encoding in the query',
    method: 'GET',
    path: '/api/v1/groups?cursor=%zz',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'query',
  },
  {
    name: 'bad percent-encoding in the path',
    method: 'GET',
    path: '/api/v1/groups/%zz',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
  },
  {
    name: 'bad UTF-8 in the path',
    method: 'GET',
    path: '/api/v1/groups/%ff',
    as: 'alice',
    status: 400,
    code: 'validation_failed',
  },
  ...[
    'x',
    '{}',
    '*',
    '01890A5D-AC96-774B-BCCE-B302099A8057',
    '01890a5d-ac96-474b-bcce-b302099a8057',
    `${unknownId}%0d%0a`,
    '%2e%2e%2f',
    'a'.repeat(10_000),
  ].map((id): Refusal => ({
    name: `id ${id.slice(0, 50)}`,
    method: 'GET',
    path: `/api/v1/groups/${id}`,
    as: 'alice',
    status: 400,
    code: 'validation_failed',
    field: 'id',
  })),
];

describe('refusals', () => {
  it.each(refusals)('$name: $status $code', async (refusal) => {
    const token = refusal.as === 'alice' ? alice : refusal.as === 'admin' ? admin : undefined;
    const problem = await server.rest.expectProblem(refusal.status, refusal.method, refusal.path, {
      ...(token === undefined ? {} : { token }),
      ...refusal.send,
    });
    expect(problem.code).toBe(refusal.code);
    const errors = problem['errors'];
    const paths = Array.isArray(errors) ? errors.map((error: { path: string }) => error.path) : [];
    if (refusal.field !== undefined) expect(paths).toContain(refusal.field);
  });

  it('says of a 401 how to authenticate', async () => {
    const answer = await server.rest.request('GET', '/api/v1/auth/me');
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
  });

  it('accepts {} and nothing where no body is needed', async () => {
    for (const options of [{ body: {} }, {}, { headers: json }]) {
      const { accessToken } = await server.rest.login('carol');
      await server.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: accessToken, ...options });
    }
  });

  it('answers what is not HTTP with a problem too', async () => {
    const port = Number(new URL(server.rest.origin).port);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('nonsense\r\n\r\n'));
      socket.on('data', (chunk) => (text += chunk.toString('utf8')));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('application/problem+json');
    expect(answer).toContain('"code":"validation_failed"');
  });
});

describe('browsers', () => {
  it('of an allowed origin may use the API and read its refusals', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' };
    const preflight = await server.rest.request('OPTIONS', login, { headers });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe('https://app.example');
    const refused = await server.rest.request('GET', '/api/v1/auth/me', { headers: { origin: 'https://app.example' } });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe('https://app.example');
  });

  it('of another origin are told nothing', async () => {
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'POST' };
    const preflight = await server.rest.request('OPTIONS', login, { headers });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('logs', () => {
  it('hold no secret that came through any door, and every line of a request its id', async () => {
    const secret = 'SeCrEt-that-must-not-be-logged';
    const headers = { 'x-request-id': 'logged-request' };
    const me = '/api/v1/auth/me';
    await server.rest.request('POST', login, { headers, body: { username: 'alice', password: secret, device } });
    await server.rest.request('POST', login, { headers, body: { username: secret, password: secret, device } });
    await server.rest.request('POST', login, { headers, rawBody: `{"password":"${secret}` });
    await server.rest.request('GET', `${me}?token=${secret}`, { headers });
    await server.rest.request('GET', `${me}?x=${secret}`, { headers, token: alice });
    await server.rest.request('GET', `/api/v1/${secret}`, { headers });
    await server.rest.request('GET', me, { headers, token: secret });
    await server.rest.request('POST', '/api/v1/auth/refresh', { headers, body: { refreshToken: secret } });
    await server.rest.request('POST', '/api/v1/auth/password', {
      headers,
      token: alice,
      body: { currentPassword: secret, newPassword: `${secret}2` },
    });
    expect(server.log()).toContain('"requestId":"logged-request"');
    expect(server.log()).not.toContain(secret);
    expect(server.log()).not.toContain(alice);
    expect(server.log()).not.toContain('push-to-talk');
  });
});
