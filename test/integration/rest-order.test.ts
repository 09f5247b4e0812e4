import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import type { RestRequest } from '../_support/rest.ts';

let database: TestDatabase;
let server: InProcessServer;
let alice: string;
let admin: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startInProcess({ databaseUrl: database.url });
  alice = (await server.rest.login('alice')).accessToken;
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

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
