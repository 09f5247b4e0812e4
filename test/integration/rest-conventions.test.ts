import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { login, device, refusals } from './refusals.ts';

let server: InProcessServer;
let alice: string;
let admin: string;

beforeAll(async () => {
  server = await startInProcess({ environment: { ALLOWED_ORIGINS: 'https://app.example' } });
  alice = (await server.rest.login('alice')).accessToken;
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(() => server[Symbol.asyncDispose]());

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
      const answer = await server.rest.request('POST', '/api/v1/auth/logout', { token: accessToken, ...options });
      expect(answer.status).toBe(204);
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
