import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';

let database: TestDatabase;
let server: InProcessServer;
let admin: string;

beforeAll(async () => {
  database = await createDatabase();
  server = await startInProcess({ databaseUrl: database.url });
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const halfACharacter = 'abcdefgh\uD800';

it('are not set with half a character, which hashes like any other half', async () => {
  const users = '/api/v1/admin/users';
  const body = { username: 'erin', displayName: 'Erin', password: halfACharacter };
  const refused = await server.rest.expectProblem(400, 'POST', users, { token: admin, body });
  expect(refused['errors']).toMatchObject([{ path: 'password' }]);
  const { id } = await server.rest.createUser(admin, { username: 'erin' });
  const patch = { token: admin, body: { password: halfACharacter } };
  await server.rest.expectProblem(400, 'PATCH', `${users}/${id}`, patch);
  const { accessToken } = await server.rest.login('erin');
  const change = { currentPassword: 'push-to-talk', newPassword: halfACharacter };
  const own = await server.rest.expectProblem(400, 'POST', '/api/v1/auth/password', {
    token: accessToken,
    body: change,
  });
  expect(own['errors']).toMatchObject([{ path: 'newPassword' }]);
});

it('with half a character are never right, also where a replacement character stands', async () => {
  await server.rest.createUser(admin, { username: 'fay', password: 'abcdefgh\uFFFD' });
  const device = { name: 'w', kind: 'watch' };
  for (const password of [halfACharacter, 'abcdefgh\uDFFF']) {
    const body = { username: 'fay', password, device };
    const problem = await server.rest.expectProblem(401, 'POST', '/api/v1/auth/login', { body });
    expect(problem.code).toBe('invalid_credentials');
  }
  const { accessToken } = await server.rest.login('fay', 'abcdefgh\uFFFD');
  const body = { currentPassword: halfACharacter, newPassword: 'a-new-password' };
  await server.rest.expectProblem(403, 'POST', '/api/v1/auth/password', { token: accessToken, body });
});
