import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import type { RestRequest } from '../_support/rest.ts';

let server: InProcessServer;
let alice: string;
let admin: string;

beforeAll(async () => {
  server = await startInProcess();
  alice = (await server.rest.login('alice')).accessToken;
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(() => server[Symbol.asyncDispose]());

const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057';
const json = { 'content-type': 'application/json' };

describe('a fault of the request is told before what does not exist', () => {
  it.each([
    ['alice', `/api/v1/groups/${unknownId}/members?cursor=xx`],
    ['alice', `/api/v1/groups/${unknownId}/talks?cursor=xx`],
    ['admin', `/api/v1/admin/groups/${unknownId}/members?cursor=xx`],
  ])('to %s at %s', async (who, path) => {
    const token = who === 'alice' ? alice : admin;
    const problem = await server.rest.expectProblem(400, 'GET', path, { token });
    expect(problem['errors']).toMatchObject([{ path: 'cursor' }]);
    await server.rest.expectProblem(404, 'GET', path.slice(0, path.indexOf('?')), { token });
  });
});

describe('a query that is not percent-encoded', () => {
  it('comes after the session and the role', async () => {
    const path = '/api/v1/admin/users?limit=%zz';
    expect((await server.rest.expectProblem(401, 'GET', path)).code).toBe('token_missing');
    expect((await server.rest.expectProblem(403, 'GET', path, { token: alice })).code).toBe('forbidden');
    expect((await server.rest.expectProblem(400, 'GET', path, { token: admin })).code).toBe('validation_failed');
    await server.rest.expectProblem(400, 'GET', '/livez?x=%zz');
    await server.rest.expectProblem(404, 'GET', '/api/v1/nowhere?x=%zz');
  });

  it('comes after a token in the query, which is told to everybody', async () => {
    const problem = await server.rest.expectProblem(400, 'GET', '/api/v1/admin/users?x=%zz&token=x');
    expect(problem['errors']).toMatchObject([{ path: 'token' }]);
  });
});

describe('what is not there', () => {
  it.each<[string, string, RestRequest]>([
    ['POST', '/api/v1/nope', { rawBody: '{', headers: json }],
    ['POST', '/api/v1/nope', { rawBody: 'x'.repeat(20_000), headers: json }],
    ['POST', '/api/v1/nope', { rawBody: 'x', headers: { 'content-type': 'text/plain' } }],
    ['PUT', '/api/v1/auth/login', { rawBody: '{', headers: json }],
    ['DELETE', '/api/v1/groups', { rawBody: '{', headers: json }],
    ['GET', '/api/v1/groups/', {}],
    ['GET', '/api/v1/groups//members', {}],
    ['GET', '/api/v1/admin/users/', {}],
    ['GET', '/api/v1/', {}],
  ])('is not found before its body is read: %s %s', async (method, path, options) => {
    expect((await server.rest.expectProblem(404, method, path, options)).code).toBe('not_found');
    expect((await server.rest.expectProblem(404, method, path, { ...options, token: admin })).code).toBe('not_found');
  });

  it.each(['QUERY', 'PROPFIND', 'M-SEARCH', 'TRACE', 'PURGE', 'LINK', 'HEAD'])('is the method %s', async (method) => {
    const port = Number(new URL(server.rest.origin).port);
    const answer = await new Promise<string>((resolve, reject) => {
      let text = '';
      const socket = connect(port, '127.0.0.1', () => {
        socket.write(`${method} /api/v1/groups HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
      });
      socket.on('data', (chunk) => (text += chunk.toString('utf8')));
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    expect(answer).toMatch(/^HTTP\/1\.1 404 /);
    expect(answer).toContain('application/problem+json');
  });
});

describe('the pages without a version', () => {
  it.each(['/metrics', '/openapi.json', '/docs', '/docs/static/index.css', '/livez', '/health'])(
    'take no query: %s',
    async (path) => {
      const problem = await server.rest.expectProblem(400, 'GET', `${path}?x=1`);
      expect(problem['errors']).toMatchObject([{ path: 'x' }]);
      expect((await server.rest.request('GET', path)).status).toBeLessThan(400);
    },
  );
});

describe('a body that is not plain UTF-8', () => {
  const path = '/api/v1/admin/users';
  const rawBody = JSON.stringify({ role: 'wrong' });

  it.each<[string, string, RegExp]>([
    ['content-type', 'application/json; charset=utf-16', /UTF-8/],
    ['content-type', 'application/json; charset="ISO-8859-1"', /UTF-8/],
    ['content-type', 'application/json;charset=utf-8;charset=latin1', /UTF-8/],
    ['content-type', 'application/json; charset=', /UTF-8/],
    ['content-encoding', 'gzip', /identity/],
    ['content-encoding', 'br', /identity/],
    ['content-encoding', 'identity, deflate', /identity/],
  ])('is 415, after 401 and 403: %s: %s', async (name, value, accepted) => {
    const options = { rawBody, headers: { ...json, [name]: value } };
    expect((await server.rest.expectProblem(401, 'POST', path, options)).code).toBe('token_missing');
    expect((await server.rest.expectProblem(403, 'POST', path, { ...options, token: alice })).code).toBe('forbidden');
    const problem = await server.rest.expectProblem(415, 'POST', path, { ...options, token: admin });
    expect(problem.code).toBe('unsupported_media_type');
    expect(problem['detail']).toMatch(accepted);
  });

  it.each<[string, string]>([
    ['content-type', 'application/json; charset=utf-8'],
    ['content-type', 'application/json;charset="UTF-8"'],
    ['content-type', 'application/json; charset=utf8'],
    ['content-encoding', 'identity'],
    ['content-encoding', 'Identity'],
  ])('is read when it says no more than that: %s: %s', async (name, value) => {
    const options = { rawBody, headers: { ...json, [name]: value }, token: admin };
    expect((await server.rest.expectProblem(400, 'POST', path, options)).code).toBe('validation_failed');
  });

  it('is nothing to a request whose body is not read', async () => {
    const headers = { 'content-type': 'application/json; charset=utf-16', 'content-encoding': 'gzip' };
    await server.rest.expect(200, 'GET', path, { headers, token: admin });
  });
});
