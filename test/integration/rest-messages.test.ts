import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import type { RestRequest } from '../_support/rest.ts';

let server: InProcessServer;
let admin: string;

beforeAll(async () => {
  server = await startInProcess();
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(() => server[Symbol.asyncDispose]());

const id = '01890a5d-ac96-774b-bcce-b302099a8057';
const login = '/api/v1/auth/login';
const user = `/api/v1/admin/users/${id}`;
const group = `/api/v1/admin/groups/${id}`;
const device = { name: 'w', kind: 'watch' };

describe('a refusal says what is allowed', () => {
  it.each<[string, string, RestRequest, Record<string, string>]>([
    ['POST', login, {}, { body: 'is missing' }],
    ['POST', login, { body: [] }, { body: 'must be an object' }],
    ['POST', login, { body: {} }, { username: 'is missing', password: 'is missing', device: 'is missing' }],
    [
      'POST',
      login,
      { body: { username: 1, password: null, device } },
      { username: 'must be text', password: 'must be text' },
    ],
    ['POST', login, { body: { username: '', password: 'b', device: 'x' } }, { device: 'must be an object' }],
    [
      'POST',
      login,
      { body: { username: 'a', password: 'b', device: { name: 'w', kind: 'tv' } } },
      { 'device.kind': 'must be one of: watch, phone, browser, console, other' },
    ],
    ['POST', '/api/v1/auth/refresh', { body: { refreshToken: 1 } }, { refreshToken: 'must be text' }],
    ['PATCH', user, { body: { disabled: 'x' } }, { disabled: 'must be true or false' }],
    ['PATCH', user, { body: { role: 'x' } }, { role: 'must be one of: admin, user' }],
    ['PATCH', user, { body: { displayName: 1 } }, { displayName: 'must be text' }],
    ['PATCH', user, { body: { displayName: '\u200b' } }, { displayName: 'must hold a visible character' }],
    [
      'PATCH',
      group,
      { body: { name: 'a\ud800' } },
      { name: 'must be whole Unicode characters, without lone surrogates' },
    ],
    [
      'POST',
      login,
      { body: { username: 'a', password: 'b', device: { name: 'a\uffff', kind: 'watch' } } },
      { 'device.name': 'must hold no noncharacters, such as U+FFFF' },
    ],
    ['PATCH', group, { body: { settings: [] } }, { settings: 'must be an object' }],
    [
      'PATCH',
      group,
      { body: { settings: { managerPreempts: 1, maxTalkMs: 'a', contendedTalkMs: 1, queueLimit: 0.5 } } },
      {
        'settings.managerPreempts': 'must be true or false',
        'settings.maxTalkMs': 'must be a whole number from 1000 to 600000',
        'settings.contendedTalkMs': 'must be 0 (off) or a whole number from 500 to 600000',
        'settings.queueLimit': 'must be a whole number from 0 to 100',
      },
    ],
    ['POST', '/api/v1/admin/groups', { body: { name: 'x' } }, { managerId: 'is missing' }],
    ['GET', '/api/v1/groups?limit=1&limit=2', {}, { limit: 'may stand only once' }],
    ['GET', '/api/v1/admin/users?search=a&search=b', {}, { search: 'may stand only once' }],
    ['GET', '/api/v1/groups?cursor=a&cursor=b', {}, { cursor: 'may stand only once' }],
    ['GET', '/api/v1/groups?cursor=', {}, { cursor: 'must be at least 1 character long' }],
    ['GET', `/api/v1/groups?cursor=${'a'.repeat(600)}`, {}, { cursor: 'must be at most 512 characters long' }],
    ['GET', '/api/v1/admin/talks?userId=a&userId=b', {}, { userId: 'may stand only once' }],
    ['GET', '/api/v1/groups?x=1&x=2', {}, { x: 'is not known here' }],
  ])('%s %s %j', async (method, path, options, expected) => {
    const problem = await server.rest.expectProblem(400, method, path, { token: admin, ...options });
    const errors = problem['errors'];
    const said = Array.isArray(errors)
      ? errors.map((error: { path: string; message: string }) => [error.path, error.message])
      : [];
    expect(Object.fromEntries(said)).toMatchObject(expected);
    expect(JSON.stringify(problem)).not.toMatch(/invalid (input|option)|expected|received|too (small|big)/i);
  });
});

it('names the media type and the size that a route takes', async () => {
  const other = { headers: { 'content-type': 'text/plain' }, rawBody: 'x' };
  const { detail: type } = await server.rest.expectProblem(415, 'POST', login, other);
  expect(type).toBe('Send the body as application/json.');
  const large = { body: { username: 'x'.repeat(16 * 1_024) } };
  const { detail: size } = await server.rest.expectProblem(413, 'POST', login, large);
  expect(size).toBe('The body may have at most 16384 bytes.');
});

it('names the place of a key that stands twice', async () => {
  const rawBody = '{"username":"a","password":"b","device":{"name":"x","name":"y","kind":"other"}}';
  const headers = { 'content-type': 'application/json' };
  const problem = await server.rest.expectProblem(400, 'POST', login, { headers, rawBody });
  expect(problem['errors']).toEqual([{ path: 'device.name', message: 'stands twice in one object' }]);
});
