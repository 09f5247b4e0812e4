import { afterAll, beforeAll, expect, it } from 'vitest';
import { AdminClient } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { BUSY_MS } from '../_support/busy.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';

/** Every process hears of a change within about a second. */
const HEARD_MS = 1_000 + BUSY_MS;

let database: TestDatabase;
let here: InProcessServer;
let there: InProcessServer;
let client: AdminClient;

beforeAll(async () => {
  database = await createDatabase();
  here = await startInProcess({ databaseUrl: database.url });
  there = await startInProcess({ databaseUrl: database.url });
  client = new AdminClient(here.rest, (await here.rest.login('admin')).accessToken);
});

afterAll(async () => {
  await there[Symbol.asyncDispose]();
  await here[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

/** What another process says of a membership, once it is what it should be. */
function seenThere(userId: string, groupId: string, expected: string): Promise<unknown> {
  const look = async () => {
    const membership = await there.container.groups.membershipOf(userId, groupId);
    return membership === null ? 'none' : `${membership.group.name}: ${membership.role} ${membership.talk}`;
  };
  return until(async () => (await look()) === expected, { limitMs: HEARD_MS, describe: () => `not ${expected}` });
}

it('follow every change that another process makes', async () => {
  const [manager, user] = [await client.makeUser(), await client.makeUser()];
  const group = await client.makeGroup(manager.id);
  const path = `/admin/groups/${group.id}/members/${user.id}`;
  const { groups } = there.container;
  expect(await groups.membershipOf(user.id, group.id)).toBeNull();

  const steps = [
    ['PUT', path, {}, `${group.name}: member allowed`],
    ['PUT', path, { talk: 'listen_only' }, `${group.name}: member listen_only`],
    ['PATCH', `/admin/groups/${group.id}`, { name: 'Renamed' }, 'Renamed: member listen_only'],
    ['PUT', `/admin/groups/${group.id}/manager`, { userId: user.id }, 'Renamed: group_manager allowed'],
    ['PUT', `/admin/groups/${group.id}/manager`, { userId: manager.id }, 'Renamed: member allowed'],
    ['DELETE', path, undefined, 'none'],
    ['PUT', path, {}, 'Renamed: member allowed'],
    ['DELETE', `/admin/groups/${group.id}`, undefined, 'none'],
  ] as const;
  for (const [method, at, body, expected] of steps) {
    expect((await client.send(method, at, body)).status).toBeLessThan(300);
    await seenThere(user.id, group.id, expected);
    expect((await groups.membershipsOf(user.id)).length).toBe(expected === 'none' ? 0 : 1);
  }
});

it('and sessions follow a revocation that another process makes', async () => {
  const { accessToken } = await there.rest.login('bob');
  const { auth } = there.container;
  expect(await auth.authenticate(accessToken)).toMatchObject({ ok: true });
  await here.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: accessToken });
  await until(async () => !(await auth.authenticate(accessToken)).ok, {
    limitMs: HEARD_MS,
    describe: () => 'still alive',
  });
  expect(await auth.authenticate(accessToken)).toEqual({ ok: false, reason: 'session_revoked' });
});

it('and REST of another process refuses an ended session at once', async () => {
  const { accessToken } = await there.rest.login('bob');
  await there.container.auth.authenticate(accessToken);
  await here.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: accessToken });
  expect((await there.rest.request('GET', '/api/v1/auth/me', { token: accessToken })).status).toBe(401);
});

it('name a disabled user as such', async () => {
  const user = await client.makeUser();
  const { accessToken } = await there.rest.login(user.username);
  const { auth } = there.container;
  expect(await auth.authenticate(accessToken)).toMatchObject({ ok: true });
  await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
  await until(async () => !(await auth.authenticate(accessToken)).ok, {
    limitMs: HEARD_MS,
    describe: () => 'still alive',
  });
  expect(await auth.authenticate(accessToken)).toEqual({ ok: false, reason: 'user_disabled' });
});
