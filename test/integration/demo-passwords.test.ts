import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownDemoPassword, settleDemoPasswords } from '../../src/admin/index.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';

const everybodys = 'push-to-talk';
const own = ownDemoPassword('only-for-tests-0123456789-0123456789-0123456789');

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});
afterAll(() => server[Symbol.asyncDispose]());

async function mayLogIn(username: string, password: string): Promise<boolean> {
  const body = { username, password, device: { name: 'test', kind: 'other' } };
  const { status } = await server.rest.request('POST', '/api/v1/auth/login', { body });
  expect([200, 401]).toContain(status);
  return status === 200;
}

describe("a deployment's own demo password", () => {
  it('can be typed, is the same at each start, and another with each key', () => {
    expect(own).toMatch(/^[bcdfghjkmnpqrstvwxyz]{4}(-[bcdfghjkmnpqrstvwxyz]{4}){2}$/);
    expect(ownDemoPassword('only-for-tests-0123456789-0123456789-0123456789')).toBe(own);
    const others = Array.from({ length: 200 }, (_, index) => ownDemoPassword(`key ${index}`));
    expect(new Set(others).size).toBe(200);
  });

  it('takes the place of the one that everybody knows, and of no other', async () => {
    const { accessToken } = await server.rest.login('carol', everybodys);
    const bob = await server.rest.login('bob', everybodys);
    await server.rest.expect(204, 'POST', '/api/v1/auth/password', {
      token: bob.accessToken,
      body: { currentPassword: everybodys, newPassword: 'of his own choice' },
    });
    const change = { wanted: own, known: [everybodys, own] };
    expect(await settleDemoPasswords(server.container, change)).toEqual(['admin', 'alice', 'carol']);
    for (const username of ['admin', 'alice', 'carol']) {
      expect(await mayLogIn(username, everybodys)).toBe(false);
      expect(await mayLogIn(username, own)).toBe(true);
    }
    expect(await mayLogIn('bob', 'of his own choice')).toBe(true);
    // who signed in by the password that everybody knows is out
    await server.rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: accessToken });

    expect(await settleDemoPasswords(server.container, change)).toEqual([]);
    const back = { wanted: everybodys, known: [everybodys, own] };
    expect(await settleDemoPasswords(server.container, back)).toEqual(['admin', 'alice', 'carol']);
    expect(await mayLogIn('alice', everybodys)).toBe(true);
    expect(await mayLogIn('alice', own)).toBe(false);
    expect(await mayLogIn('bob', 'of his own choice')).toBe(true);
  });
});
