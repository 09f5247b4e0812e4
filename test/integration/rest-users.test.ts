import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient, ascending, page } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;
let client: AdminClient;

beforeAll(async () => {
  server = await startInProcess();
  client = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
});

afterAll(() => server[Symbol.asyncDispose]());

describe('users', () => {
  it('are made, read, changed and deleted', async () => {
    const body = { username: 'Eve.Adams', displayName: '  Éve\u0301  ', password: 'some-long-password', role: 'user' };
    const made = await server.rest.expect(201, 'POST', '/api/v1/admin/users', { token: client.token, body });
    const user = wire.user.parse(made);
    expect(made).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      username: 'eve.adams',
      displayName: 'Éve\u0301'.normalize('NFC'),
      role: 'user',
      disabled: false,
      createdAt: expect.stringMatching(/Z$/),
    });
    const path = `/admin/users/${user.id}`;
    expect((await client.send('GET', path)).body).toEqual(made);
    expect((await client.send('PATCH', path, {})).body).toEqual(made);
    expect((await client.send('PATCH', path, { displayName: 'Eve', role: 'admin' })).body).toEqual({
      ...user,
      displayName: 'Eve',
      role: 'admin',
    });
    expect((await client.send('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect(await client.refused(404, method, path)).toBe('not_found');
    expect(await client.refused(404, 'PATCH', path, {})).toBe('not_found');
    expect((await client.send('POST', '/admin/users', body)).status).toBe(201);
  });

  it.each([
    ['username', { username: 'a', displayName: 'A' }],
    ['username', { username: 'with space', displayName: 'A' }],
    ['username', { username: 'a'.repeat(65), displayName: 'A' }],
    ['displayName', { username: 'abc', displayName: '   ' }],
    ['displayName', { username: 'abc', displayName: 'a'.repeat(65) }],
    ['displayName', { username: 'abc', displayName: 'a\u0007b' }],
    ['displayName', { username: 'abc', displayName: 'a\ud800b' }],
    ['displayName', { username: 'abc' }],
    ['password', { username: 'abc', displayName: 'A', password: 'short' }],
    ['password', { username: 'abc', displayName: 'A', password: 'p'.repeat(257) }],
    ['password', { username: 'abc', displayName: 'A', password: 'password1' }],
    ['role', { username: 'abc', displayName: 'A', role: 'root' }],
    ['disabled', { username: 'abc', displayName: 'A', disabled: true }],
  ])('are refused with a bad %s', async (field, body) => {
    const problem = await server.rest.expectProblem(400, 'POST', '/api/v1/admin/users', { token: client.token, body });
    expect(problem['errors']).toMatchObject([{ path: field }]);
  });

  it('keep one living user of a name, whoever races', async () => {
    const bodies = ['Racer', 'RACER', 'racer', 'racER', 'raceR'].map((username) => ({ username, displayName: 'R' }));
    const answers = await Promise.all(bodies.map((body) => client.send('POST', '/admin/users', body)));
    expect(answers.map((answer) => answer.status).toSorted(ascending)).toEqual([201, 409, 409, 409, 409]);
    const code = answers
      .filter((answer) => answer.status === 409)
      .map((answer) => wire.problem.parse(answer.body).code);
    expect(new Set(code)).toEqual(new Set(['already_exists']));
    const again = await client.send('POST', '/admin/users', bodies[0]);
    expect(again.body).toMatchObject({ errors: [{ path: 'username', message: 'is taken' }] });
  });

  it('keep an enabled admin, whoever races', async () => {
    const second = await client.makeUser({ role: 'admin' });
    const own = await server.rest.expect(200, 'GET', '/api/v1/auth/me', { token: client.token });
    const { user } = z.object({ user: z.object({ id: z.string() }) }).parse(own);
    const secondToken = (await server.rest.login(second.username)).accessToken;
    const [left, right] = await Promise.all([
      client.send('PATCH', `/admin/users/${user.id}`, { role: 'user' }, secondToken),
      client.send('PATCH', `/admin/users/${second.id}`, { disabled: true }),
    ]);
    const statuses = [left.status, right.status].toSorted(ascending);
    // The loser meets `last_admin`, or is no admin any more by the time he asks.
    expect([
      [200, 409],
      [200, 403],
      [200, 401],
    ]).toContainEqual(statuses);
    if (left.status === 200) client.token = secondToken;
    const survivor = left.status === 200 ? second.id : user.id;
    expect(await client.refused(409, 'DELETE', `/admin/users/${survivor}`)).toBe('last_admin');
    expect(await client.refused(409, 'PATCH', `/admin/users/${survivor}`, { role: 'user' })).toBe('last_admin');
    expect(await client.refused(409, 'PATCH', `/admin/users/${survivor}`, { disabled: true })).toBe('last_admin');
  });

  it.each([
    ['disabling', { disabled: true }],
    ['a password set by an admin', { password: 'another-password' }],
  ])('lose their sessions by %s', async (_name, change) => {
    const user = await client.makeUser();
    const session = await server.rest.login(user.username);
    expect((await client.send('PATCH', `/admin/users/${user.id}`, change)).status).toBe(200);
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: false });
    const problem = await server.rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: session.accessToken });
    expect(problem.code).toBe('token_invalid');
  });

  it('take their memberships and sessions with them, but not while they manage a group', async () => {
    const [manager, member] = [await client.makeUser(), await client.makeUser()];
    const group = await client.makeGroup(manager.id);
    await client.send('PUT', `/admin/groups/${group.id}/members/${member.id}`);
    const session = await server.rest.login(member.username);
    expect(await client.refused(409, 'DELETE', `/admin/users/${manager.id}`)).toBe('manager_required');
    expect((await client.send('DELETE', `/admin/users/${member.id}`)).status).toBe(204);
    expect((await client.send('GET', '/auth/me', undefined, session.accessToken)).status).toBe(401);
    expect(await client.all(`/admin/groups/${group.id}/members`)).toMatchObject([{ userId: manager.id }]);
  });

  it('are searched by part of either name, in any case, with % and _ as they are', async () => {
    const make = (username: string, displayName: string) =>
      server.rest.expect(201, 'POST', '/api/v1/admin/users', { token: client.token, body: { username, displayName } });
    await make('needle_one', 'Somebody');
    await make('somebody.else', 'A NEEDLE too');
    await make('needlexone', '100% sure');
    const found = async (search: string) =>
      (await client.all(`/admin/users?search=${encodeURIComponent(search)}`)).length;
    expect(await found('NeEdLe')).toBe(3);
    expect(await found('needle_')).toBe(1);
    expect(await found('0%')).toBe(1);
    expect(await found('\\')).toBe(0);
    await make('greek', 'Πέτρος ΟΔΟΣ');
    for (const search of ['ΠΈΤΡΟΣ', 'πέτροσ', 'οδος', 'οδοσ']) expect(await found(search)).toBe(1);
    expect((await client.send('GET', '/admin/users?search=%00')).status).toBe(400);
  });
});

describe('lists', () => {
  it('are ordered by id and stay whole while people come and go', async () => {
    const first = page.parse((await client.send('GET', '/admin/users?limit=3')).body);
    const made = await client.makeUser();
    const gone = first.items[0]?.id ?? '';
    const rest = [];
    let cursor = first.nextCursor;
    while (cursor !== null) {
      const next = page.parse((await client.send('GET', `/admin/users?limit=3&cursor=${cursor}`)).body);
      rest.push(...next.items);
      cursor = next.nextCursor;
    }
    const ids = [...first.items, ...rest].map((item) => item.id ?? '');
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain(made.id);
    expect(ids).toContain(gone);
  });

  it('refuse the cursor of another list, other filters or other people', async () => {
    const { nextCursor } = page.parse((await client.send('GET', '/admin/users?limit=1')).body);
    const cursor = nextCursor ?? '';
    expect((await client.send('GET', `/admin/users?cursor=${cursor}&limit=7`)).status).toBe(200);
    expect(await client.refused(400, 'GET', `/admin/users?search=a&cursor=${cursor}`)).toBe('validation_failed');
    expect(await client.refused(400, 'GET', `/admin/groups?cursor=${cursor}`)).toBe('validation_failed');
    expect(await client.refused(400, 'GET', `/admin/users?cursor=${cursor}A`)).toBe('validation_failed');
    const [alice, bob] = [await server.rest.login('alice'), await server.rest.login('bob')];
    const own = page.parse((await client.send('GET', '/groups?limit=1', undefined, alice.accessToken)).body);
    expect(
      (await client.send('GET', `/groups?cursor=${own.nextCursor ?? ''}`, undefined, bob.accessToken)).status,
    ).toBe(400);
  });
});
