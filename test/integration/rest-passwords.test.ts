import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';

let server: InProcessServer;
let admin: string;

beforeAll(async () => {
  server = await startInProcess();
  admin = (await server.rest.login('admin')).accessToken;
});

afterAll(() => server[Symbol.asyncDispose]());

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

it.each(['Password123', '00000000', 'contraseña'])(
  'are not set to %s by anybody, as guessing begins with it',
  async (common) => {
    const users = '/api/v1/admin/users';
    const send = (body: object, token = admin) => ({ token, body });
    const name = `common-${common.toLowerCase().replace('ñ', 'n')}`;
    const made = await server.rest.expectProblem(
      400,
      'POST',
      users,
      send({ username: name, displayName: 'C', password: common }),
    );
    expect(made['errors']).toMatchObject([{ path: 'password' }]);
    const { id } = await server.rest.createUser(admin, { username: name });
    const patched = await server.rest.expectProblem(400, 'PATCH', `${users}/${id}`, send({ password: common }));
    expect(patched).toMatchObject({ code: 'validation_failed', errors: [{ path: 'password' }] });
    const { accessToken } = await server.rest.login(name);
    const change = { currentPassword: 'a wrong one', newPassword: common };
    const own = await server.rest.expectProblem(400, 'POST', '/api/v1/auth/password', send(change, accessToken));
    expect(own['errors']).toMatchObject([{ path: 'newPassword' }]);
  },
);

it('of nobody take as much work as those of somebody, also of a disabled user and of one without a password', async () => {
  const { id } = await server.rest.createUser(admin, { username: 'gone' });
  await server.rest.expect(200, 'PATCH', `/api/v1/admin/users/${id}`, { token: admin, body: { disabled: true } });
  const without = { username: 'paired-only', displayName: 'P' };
  await server.rest.expect(201, 'POST', '/api/v1/admin/users', { token: admin, body: without });
  const attempts = [
    ['alice', 'wrong-password'],
    ['nobody', 'wrong-password'],
    ['gone', 'push-to-talk'],
    ['gone', 'wrong-password'],
    ['paired-only', 'wrong-password'],
    ['no user name: Ä', 'wrong-password'],
  ] as const;
  // The least of several tries: what else the process and the machine do only adds to it.
  const least = attempts.map(() => Infinity);
  for (let round = 0; round < 8; round += 1) {
    for (const [index, [username, password]] of attempts.entries()) {
      const before = process.cpuUsage();
      const body = { username, password, device: { name: 'w', kind: 'watch' } };
      await server.rest.expectProblem(401, 'POST', '/api/v1/auth/login', { body });
      const { user, system } = process.cpuUsage(before);
      least[index] = Math.min(least[index] ?? Infinity, user + system);
    }
  }
  const [known = 0, ...others] = least;
  for (const other of others) {
    expect(other / known).toBeGreaterThan(0.5);
    expect(other / known).toBeLessThan(2);
  }
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
