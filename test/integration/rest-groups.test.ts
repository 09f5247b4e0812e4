import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient, unknownId } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;
let client: AdminClient;

beforeAll(async () => {
  server = await startInProcess();
  client = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
});

afterAll(() => server[Symbol.asyncDispose]());

describe('groups', () => {
  it('are made, read, changed and deleted', async () => {
    const manager = await client.makeUser();
    const body = { name: 'Patrol', managerId: manager.id, settings: { maxTalkMs: 5_000, contendedTalkMs: 0 } };
    const made = await server.rest.expect(201, 'POST', '/api/v1/admin/groups', { token: client.token, body });
    const group = wire.group.parse(made);
    const settings = {
      maxTalkMs: 5_000,
      contendedTalkMs: 0,
      queueLimit: 10,
      cooldownMs: 2_000,
      managerPreempts: false,
      emergency: 'allowed',
    };
    expect(made).toEqual({
      id: group.id,
      name: 'Patrol',
      description: '',
      settings,
      createdAt: expect.stringMatching(/Z$/),
      managerId: manager.id,
    });
    const path = `/admin/groups/${group.id}`;
    expect((await client.send('PATCH', path, {})).body).toEqual(made);
    const change = { description: 'Two\nlines', settings: { queueLimit: 0, maxTalkMs: 5_000 } };
    const changed = { ...group, description: 'Two\nlines', settings: { ...settings, queueLimit: 0 } };
    expect((await client.send('PATCH', path, change)).body).toEqual(changed);
    expect((await client.send('GET', path)).body).toEqual(changed);
    const own = await server.rest.login(manager.username);
    const { managerId: _managerId, ...asMember } = z.looseObject({ managerId: z.string() }).parse(changed);
    expect((await client.send('GET', `/groups/${group.id}`, undefined, own.accessToken)).body).toEqual(asMember);
    expect((await client.send('DELETE', path)).status).toBe(204);
    for (const method of ['GET', 'DELETE']) expect(await client.refused(404, method, path)).toBe('not_found');
    expect(await client.refused(404, 'PATCH', path, {})).toBe('not_found');
    expect(await client.all('/groups', own.accessToken)).toEqual([]);
    expect(await client.refused(404, 'GET', `${path}/members`)).toBe('not_found');
    expect((await client.send('DELETE', `/admin/users/${manager.id}`)).status).toBe(204);
  });

  it.each([
    ['settings.maxTalkMs', { settings: { maxTalkMs: 999 } }],
    ['settings.maxTalkMs', { settings: { maxTalkMs: 600_001 } }],
    ['settings.maxTalkMs', { settings: { maxTalkMs: 1_000.5 } }],
    ['settings.contendedTalkMs', { settings: { contendedTalkMs: 499 } }],
    ['settings.queueLimit', { settings: { queueLimit: 101 } }],
    ['settings.cooldownMs', { settings: { cooldownMs: -1 } }],
    ['settings.emergency', { settings: { emergency: 'on' } }],
    ['settings.colour', { settings: { colour: 1 } }],
    ['name', { name: '' }],
    ['description', { description: 'x'.repeat(501) }],
    ['managerId', { managerId: unknownId }],
  ])('are not changed by a bad %s', async (field, body) => {
    const group = await client.makeGroup((await client.makeUser()).id);
    const problem = await server.rest.expectProblem(400, 'PATCH', `/api/v1/admin/groups/${group.id}`, {
      token: client.token,
      body,
    });
    expect(problem['errors']).toMatchObject([{ path: field }]);
  });

  it('need a manager who exists and is enabled', async () => {
    const user = await client.makeUser();
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
    expect(await client.refused(409, 'POST', '/admin/groups', { name: 'G', managerId: user.id })).toBe('user_disabled');
    expect(await client.refused(404, 'POST', '/admin/groups', { name: 'G', managerId: unknownId })).toBe('not_found');
  });
});

describe('members', () => {
  it('are added, changed and removed', async () => {
    const [manager, user] = [await client.makeUser(), await client.makeUser()];
    const group = await client.makeGroup(manager.id);
    const path = `/admin/groups/${group.id}/members/${user.id}`;
    const added = await server.rest.expect(200, 'PUT', `/api/v1${path}`, {
      token: client.token,
      body: { talk: 'listen_only' },
    });
    expect(added).toEqual({
      userId: user.id,
      username: user.username,
      displayName: user.displayName,
      role: 'member',
      talk: 'listen_only',
      joinedAt: expect.stringMatching(/Z$/),
    });
    expect((await client.send('PUT', path)).body).toEqual(added);
    expect((await client.send('PUT', path, { talk: 'allowed' })).body).toMatchObject({ talk: 'allowed' });
    const own = await server.rest.login(user.username);
    expect(await client.all(`/groups/${group.id}/members`, own.accessToken)).toMatchObject([
      { userId: manager.id, role: 'group_manager', talk: 'allowed' },
      { userId: user.id, role: 'member' },
    ]);
    expect((await client.send('DELETE', path)).status).toBe(204);
    expect(await client.refused(404, 'DELETE', path)).toBe('not_found');
    expect((await client.send('PUT', path, {})).status).toBe(200);
  });

  it('are not the business of strangers, not even of admins', async () => {
    const group = await client.makeGroup((await client.makeUser()).id);
    for (const path of [`/groups/${group.id}`, `/groups/${group.id}/members`]) {
      const hidden = await server.rest.expectProblem(404, 'GET', `/api/v1${path}`, { token: client.token });
      const random = await server.rest.expectProblem(404, 'GET', `/api/v1${path.replace(group.id, unknownId)}`, {
        token: client.token,
      });
      expect({ ...hidden, requestId: '' }).toEqual({ ...random, requestId: '' });
    }
  });

  it('can be disabled people only if they are members already', async () => {
    const [manager, user] = [await client.makeUser(), await client.makeUser()];
    const group = await client.makeGroup(manager.id);
    const path = `/admin/groups/${group.id}/members/${user.id}`;
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
    expect(await client.refused(409, 'PUT', path, {})).toBe('user_disabled');
    expect(await client.refused(409, 'PUT', `/admin/groups/${group.id}/manager`, { userId: user.id })).toBe(
      'user_disabled',
    );
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: false });
    await client.send('PUT', path, {});
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
    expect((await client.send('PUT', path, { talk: 'listen_only' })).status).toBe(200);
  });

  it('name a user and a group that exist', async () => {
    const group = await client.makeGroup((await client.makeUser()).id);
    expect(await client.refused(404, 'PUT', `/admin/groups/${group.id}/members/${unknownId}`, {})).toBe('not_found');
    expect(await client.refused(404, 'PUT', `/admin/groups/${unknownId}/members/${unknownId}`, {})).toBe('not_found');
    expect(await client.refused(404, 'PUT', `/admin/groups/${group.id}/manager`, { userId: unknownId })).toBe(
      'not_found',
    );
  });

  it('are one each, whoever races', async () => {
    const [manager, user] = [await client.makeUser(), await client.makeUser()];
    const group = await client.makeGroup(manager.id);
    const path = `/admin/groups/${group.id}/members/${user.id}`;
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.send('PUT', path, {})));
    expect(answers.map((answer) => answer.status)).toEqual(Array(8).fill(200));
    expect(await client.all(`/admin/groups/${group.id}/members`)).toHaveLength(2);
  });
});

describe('the manager', () => {
  let manager: wire.User;
  let other: wire.User;
  let group: wire.Group;

  beforeEach(async () => {
    manager = await client.makeUser();
    other = await client.makeUser();
    group = await client.makeGroup(manager.id);
  });

  it('is swapped; the old one stays as a member who may talk, and a stranger becomes one', async () => {
    const path = `/admin/groups/${group.id}/manager`;
    expect((await client.send('PUT', path, { userId: other.id })).body).toMatchObject({
      userId: other.id,
      role: 'group_manager',
    });
    expect((await client.send('GET', `/admin/groups/${group.id}`)).body).toMatchObject({ managerId: other.id });
    expect(await client.all(`/admin/groups/${group.id}/members`)).toMatchObject([
      { userId: manager.id, role: 'member', talk: 'allowed' },
      { userId: other.id, role: 'group_manager', talk: 'allowed' },
    ]);
    expect((await client.send('PUT', path, { userId: other.id })).status).toBe(200);
  });

  it('may talk again when a listener becomes it', async () => {
    await client.send('PUT', `/admin/groups/${group.id}/members/${other.id}`, { talk: 'listen_only' });
    const swapped = await client.send('PUT', `/admin/groups/${group.id}/manager`, { userId: other.id });
    expect(swapped.body).toMatchObject({ role: 'group_manager', talk: 'allowed' });
  });

  it('cannot be removed or silenced', async () => {
    const path = `/admin/groups/${group.id}/members/${manager.id}`;
    expect(await client.refused(409, 'DELETE', path)).toBe('manager_required');
    expect(await client.refused(409, 'PUT', path, { talk: 'listen_only' })).toBe('manager_required');
    expect((await client.send('PUT', path, { talk: 'allowed' })).body).toMatchObject({ role: 'group_manager' });
  });

  it('is one, whoever races', async () => {
    const rivals = await Promise.all(Array.from({ length: 6 }, () => client.makeUser()));
    const path = `/admin/groups/${group.id}/manager`;
    const answers = await Promise.all(rivals.map((rival) => client.send('PUT', path, { userId: rival.id })));
    expect(answers.map((answer) => answer.status)).toEqual(Array(6).fill(200));
    const members = z
      .array(z.looseObject({ role: z.string() }))
      .parse(await client.all(`/admin/groups/${group.id}/members`));
    expect(members).toHaveLength(7);
    expect(members.filter((member) => member.role === 'group_manager')).toHaveLength(1);
  });

  it('is never a deleted user, whoever races', async () => {
    for (let round = 0; round < 5; round += 1) {
      const rival = await client.makeUser();
      const [swap, removal] = await Promise.all([
        client.send('PUT', `/admin/groups/${group.id}/manager`, { userId: rival.id }),
        client.send('DELETE', `/admin/users/${rival.id}`),
      ]);
      expect([
        [200, 409],
        [404, 204],
      ]).toContainEqual([swap.status, removal.status]);
    }
    expect((await client.send('GET', `/admin/groups/${group.id}`)).status).toBe(200);
  });
});
