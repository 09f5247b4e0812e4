import postgres from 'postgres';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient, page, unknownId } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { until } from '../_support/until.ts';
import type * as wire from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';

const entry = z.strictObject({
  id: z.uuidv7(),
  at: z.iso.datetime(),
  actor: z.strictObject({ type: z.enum(['user', 'system', 'anonymous']), userId: z.uuidv7().optional() }),
  action: z.string(),
  target: z.strictObject({ type: z.string(), id: z.string() }).nullable(),
  result: z.enum(['success', 'failure']),
  requestId: z.string(),
  details: z.record(z.string(), z.unknown()),
});
type Entry = z.infer<typeof entry>;

let sql: postgres.Sql;
let server: InProcessServer;
let client: AdminClient;
let adminId: string;

beforeAll(async () => {
  server = await startInProcess();
  sql = postgres(server.databaseUrl, { max: 2, onnotice: () => undefined });
  const tokens = await server.rest.login('admin');
  adminId = tokens.user.id;
  client = new AdminClient(server.rest, tokens.accessToken);
});

afterAll(async () => {
  await sql.end();
  await server[Symbol.asyncDispose]();
});

/** The newest entries, newest first. */
async function newest(filter = ''): Promise<Entry[]> {
  const answer = await client.send('GET', `/admin/audit?limit=100${filter}`);
  return z.array(entry).parse(page.parse(answer.body).items);
}

/** What was recorded while `work` ran, oldest first. */
async function recordedBy(work: () => Promise<void>): Promise<Entry[]> {
  const last = (await newest())[0]?.id;
  await work();
  const entries = await newest();
  return entries
    .slice(
      0,
      entries.findIndex(({ id }) => id === last),
    )
    .toReversed();
}

interface Given {
  readonly user: wire.User;
  readonly other: wire.User;
  readonly group: wire.Group;
}

interface Deed {
  readonly action: string;
  readonly of?: string;
  readonly make: (given: Given) => readonly [method: string, path: string, body?: unknown];
  readonly target?: (given: Given) => Entry['target'];
  readonly details: (given: Given) => Entry['details'];
}

const ofUser = ({ user }: Given) => ({ type: 'user', id: user.id });
const ofGroup = ({ group }: Given) => ({ type: 'group', id: group.id });

/** `user` is nobody's manager, `other` is a member and may listen only. */
const deeds: readonly Deed[] = [
  {
    action: 'user.created',
    make: ({ user }) => ['POST', '/admin/users', { username: `${user.username}x`, displayName: 'X', role: 'admin' }],
    details: ({ user }) => ({ username: `${user.username}x`, role: 'admin' }),
  },
  {
    action: 'user.updated',
    of: 'another name',
    make: ({ user }) => ['PATCH', `/admin/users/${user.id}`, { displayName: 'Renamed', role: 'user' }],
    target: ofUser,
    details: () => ({ displayName: 'Renamed' }),
  },
  {
    action: 'user.updated',
    of: 'another role',
    make: ({ user }) => ['PATCH', `/admin/users/${user.id}`, { role: 'admin' }],
    target: ofUser,
    details: () => ({ role: 'admin' }),
  },
  {
    action: 'user.password_set',
    make: ({ user }) => ['PATCH', `/admin/users/${user.id}`, { password: 'another-password' }],
    target: ofUser,
    details: () => ({}),
  },
  {
    action: 'user.disabled',
    make: ({ user }) => ['PATCH', `/admin/users/${user.id}`, { disabled: true }],
    target: ofUser,
    details: () => ({}),
  },
  {
    action: 'user.deleted',
    make: ({ user }) => ['DELETE', `/admin/users/${user.id}`],
    target: ofUser,
    details: ({ user }) => ({ username: user.username }),
  },
  {
    action: 'group.created',
    make: ({ user }) => ['POST', '/admin/groups', { name: 'Patrol', managerId: user.id }],
    details: ({ user }) => ({ name: 'Patrol', managerId: user.id, userId: user.id }),
  },
  {
    action: 'group.updated',
    make: ({ group }) => ['PATCH', `/admin/groups/${group.id}`, { name: 'Watch', settings: { queueLimit: 3 } }],
    target: ofGroup,
    details: () => ({ name: 'Watch', settings: { queueLimit: 3 } }),
  },
  {
    action: 'group.deleted',
    make: ({ group }) => ['DELETE', `/admin/groups/${group.id}`],
    target: ofGroup,
    details: ({ group }) => ({ name: group.name, members: 2 }),
  },
  {
    action: 'member.added',
    make: ({ group, user }) => ['PUT', `/admin/groups/${group.id}/members/${user.id}`, {}],
    target: ofGroup,
    details: ({ user }) => ({ userId: user.id, role: 'member', talk: 'allowed' }),
  },
  {
    action: 'member.changed',
    make: ({ group, other }) => ['PUT', `/admin/groups/${group.id}/members/${other.id}`, { talk: 'allowed' }],
    target: ofGroup,
    details: ({ other }) => ({ userId: other.id, role: 'member', talk: 'allowed' }),
  },
  {
    action: 'member.removed',
    make: ({ group, other }) => ['DELETE', `/admin/groups/${group.id}/members/${other.id}`],
    target: ofGroup,
    details: ({ other }) => ({ userId: other.id }),
  },
  {
    action: 'manager.changed',
    of: 'to a member',
    make: ({ group, other }) => ['PUT', `/admin/groups/${group.id}/manager`, { userId: other.id }],
    target: ofGroup,
    details: ({ group, other }) => ({ userId: other.id, previousManagerId: group.managerId }),
  },
  {
    action: 'manager.changed',
    of: 'to somebody new',
    make: ({ group, user }) => ['PUT', `/admin/groups/${group.id}/manager`, { userId: user.id }],
    target: ofGroup,
    details: ({ group, user }) => ({ userId: user.id, previousManagerId: group.managerId }),
  },
];

async function prepare(): Promise<Given> {
  const [manager, user, other] = [await client.makeUser(), await client.makeUser(), await client.makeUser()];
  const group = await client.makeGroup(manager.id);
  await client.send('PUT', `/admin/groups/${group.id}/members/${other.id}`, { talk: 'listen_only' });
  return { user, other, group };
}

describe('a change is recorded once', () => {
  it.each(deeds.map((deed) => [deed.of === undefined ? deed.action : `${deed.action}: ${deed.of}`, deed] as const))(
    '%s',
    async (_title, deed) => {
      const given = await prepare();
      const [method, path, body] = deed.make(given);
      let answer: { readonly status: number; readonly headers: Headers; readonly body: unknown } | undefined;
      const entries = await recordedBy(async () => {
        answer = await client.send(method, path, body);
      });
      expect(answer?.status).toBeLessThan(300);
      const made = z.looseObject({ id: z.string() }).safeParse(answer?.body);
      expect(entries).toEqual([
        {
          id: expect.any(String),
          at: expect.any(String),
          actor: { type: 'user', userId: adminId },
          action: deed.action,
          target: deed.target?.(given) ?? { type: deed.action.split('.')[0], id: made.data?.id },
          result: 'success',
          requestId: answer?.headers.get('x-request-id'),
          details: deed.details(given),
        },
      ]);
    },
  );

  it('user.enabled', async () => {
    const { user } = await prepare();
    await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
    const entries = await recordedBy(async () => {
      await client.send('PATCH', `/admin/users/${user.id}`, { disabled: false });
    });
    expect(entries).toMatchObject([{ action: 'user.enabled', target: { type: 'user', id: user.id }, details: {} }]);
  });

  it('auth.password_changed, by the user himself', async () => {
    const { user } = await prepare();
    const { accessToken, session } = await server.rest.login(user.username);
    const other = await server.rest.login(user.username);
    const entries = await recordedBy(async () => {
      const body = { currentPassword: 'push-to-talk', newPassword: 'another-password' };
      expect((await client.send('POST', '/auth/password', body, accessToken)).status).toBe(204);
    });
    const ended = { action: 'session.ended', target: { type: 'session', id: other.session.id } };
    expect(entries).toMatchObject([
      ended,
      { action: 'auth.password_changed', target: { type: 'user', id: user.id }, result: 'success' },
    ]);
    expect(entries).toHaveLength(2);
    expect(session.id).not.toBe(other.session.id);
  });

  it('session.ended, and as many as there were', async () => {
    const { user } = await prepare();
    const [first] = [await server.rest.login(user.username), await server.rest.login(user.username)];
    const ended = await recordedBy(async () => {
      await client.send('DELETE', `/admin/sessions/${first.session.id}`);
    });
    expect(ended).toMatchObject([
      {
        action: 'session.ended',
        target: { type: 'session', id: first.session.id },
        details: { userId: user.id, cause: 'revoked' },
      },
    ]);
    const disabled = await recordedBy(async () => {
      await client.send('PATCH', `/admin/users/${user.id}`, { disabled: true });
    });
    expect(disabled.map(({ action }) => action)).toEqual(['user.disabled', 'session.ended']);
  });
});

describe('what changes nothing leaves nothing', () => {
  /** A group with two members and people; nothing of it may differ afterwards. */
  const nothings: ReadonlyArray<
    readonly [title: string, status: number, make: (given: Given) => readonly [string, string, unknown?]]
  > = [
    ['an empty change of a user', 200, ({ user }) => ['PATCH', `/admin/users/${user.id}`, {}]],
    [
      'the values that a user has',
      200,
      ({ user }) => [
        'PATCH',
        `/admin/users/${user.id}`,
        { displayName: user.displayName, role: 'user', disabled: false },
      ],
    ],
    ['an empty change of a group', 200, ({ group }) => ['PATCH', `/admin/groups/${group.id}`, {}]],
    [
      'the values that a group has',
      200,
      ({ group }) => ['PATCH', `/admin/groups/${group.id}`, { name: group.name, settings: { maxTalkMs: 60_000 } }],
    ],
    ['empty settings', 200, ({ group }) => ['PATCH', `/admin/groups/${group.id}`, { settings: {} }]],
    ['a member as he is', 200, ({ group, other }) => ['PUT', `/admin/groups/${group.id}/members/${other.id}`, {}]],
    [
      'the manager as he is',
      200,
      ({ group }) => ['PUT', `/admin/groups/${group.id}/manager`, { userId: group.managerId }],
    ],
    ['a name that is taken', 409, () => ['POST', '/admin/users', { username: 'alice', displayName: 'A' }]],
    ['a group of nobody', 404, () => ['POST', '/admin/groups', { name: 'G', managerId: unknownId }]],
    [
      'a good setting beside a bad one',
      400,
      ({ group }) => [
        'PATCH',
        `/admin/groups/${group.id}`,
        { name: 'New', settings: { maxTalkMs: 1_500, queueLimit: -1 } },
      ],
    ],
    ['the manager removed', 409, ({ group }) => ['DELETE', `/admin/groups/${group.id}/members/${group.managerId}`]],
    ['a manager deleted', 409, ({ group }) => ['DELETE', `/admin/users/${group.managerId}`]],
    [
      'the manager silenced',
      409,
      ({ group }) => ['PUT', `/admin/groups/${group.id}/members/${group.managerId}`, { talk: 'listen_only' }],
    ],
    ['a stranger removed', 404, ({ group, user }) => ['DELETE', `/admin/groups/${group.id}/members/${user.id}`]],
    ['a session that is none', 404, () => ['DELETE', `/admin/sessions/${unknownId}`]],
    ['the floor of an idle group', 204, ({ group }) => ['DELETE', `/admin/groups/${group.id}/floor`]],
    ['the floor of no group', 404, () => ['DELETE', `/admin/groups/${unknownId}/floor`]],
  ];

  async function everything(): Promise<unknown> {
    return Promise.all([
      sql`select * from users order by id`,
      sql`select * from groups order by id`,
      sql`select * from group_members order by id`,
      sql`select * from audit order by id`,
      sql`select id, ended_at from auth_sessions order by id`,
      sql`select id from domain_event where type not like 'talk.%' order by id`,
    ]);
  }

  it.each(nothings)('%s (%i)', async (_title, status, make) => {
    const given = await prepare();
    const [method, path, body] = make(given);
    const before = await everything();
    expect((await client.send(method, path, body)).status).toBe(status);
    expect(await everything()).toEqual(before);
  });

  it('the last admin as a user, with a new name (409)', async () => {
    await sql`update users set disabled = true where role = 'admin' and id <> ${adminId}`;
    const before = await everything();
    const change = { displayName: 'No more', role: 'user' };
    expect(await client.refused(409, 'PATCH', `/admin/users/${adminId}`, change)).toBe('last_admin');
    expect(await everything()).toEqual(before);
  });
});

describe('the list', () => {
  it('has what a user did, what was done to him and what concerns him', async () => {
    const { user, group } = await prepare();
    await client.send('PATCH', `/admin/users/${user.id}`, { role: 'admin' });
    const own = await server.rest.login(user.username);
    await client.send('PUT', `/admin/groups/${group.id}/members/${user.id}`, {});
    await client.send('PATCH', `/admin/groups/${group.id}`, { name: 'By him' }, own.accessToken);
    expect((await newest(`&userId=${user.id}`)).map(({ action }) => action)).toEqual([
      'group.updated',
      'member.added',
      'auth.login',
      'user.updated',
      'user.created',
    ]);
    expect((await newest(`&groupId=${group.id}`)).map(({ action }) => action)).toEqual([
      'group.updated',
      'member.added',
      'member.added',
      'group.created',
    ]);
    expect((await newest(`&groupId=${group.id}&userId=${user.id}`)).map(({ action }) => action)).toEqual([
      'group.updated',
      'member.added',
    ]);
    expect(await newest(`&userId=${unknownId}`)).toEqual([]);
  });

  it('has for a manager that his group was made, and that he was replaced', async () => {
    const { group, other } = await prepare();
    await client.send('PUT', `/admin/groups/${group.id}/manager`, { userId: other.id });
    expect((await newest(`&userId=${group.managerId}`)).map(({ action }) => action)).toEqual([
      'manager.changed',
      'group.created',
      'user.created',
    ]);
    expect((await newest(`&userId=${other.id}`))[0]).toMatchObject({ action: 'manager.changed' });
  });

  it('takes moments: from then on, and before then', async () => {
    const { group } = await prepare();
    const [changed] = await newest(`&groupId=${group.id}`);
    const at = changed?.at ?? '';
    const later = new Date(Date.parse(at) + 1).toISOString();
    const ids = async (filter: string) => (await newest(`&groupId=${group.id}${filter}`)).map(({ id }) => id);
    expect(await ids(`&from=${at}`)).toContain(changed?.id);
    expect(await ids(`&from=${later}`)).toEqual([]);
    expect(await ids(`&to=${later}`)).toContain(changed?.id);
    expect(await ids(`&to=${at}`)).not.toContain(changed?.id);
  });

  it('gives each entry once, newest first, while others are recorded', async () => {
    const { group } = await prepare();
    for (let count = 0; count < 12; count += 1) {
      await client.send('PATCH', `/admin/groups/${group.id}`, { name: `Name ${count}` });
    }
    const before = (await newest(`&groupId=${group.id}`)).map(({ id }) => id);
    const seen: Entry[] = [];
    let cursor = '';
    do {
      const answer = await client.send('GET', `/admin/audit?groupId=${group.id}&limit=2${cursor}`);
      const { items, nextCursor } = page.parse(answer.body);
      seen.push(...z.array(entry).parse(items));
      await Promise.all(
        [1, 2, 3].map((more) =>
          client.send('PATCH', `/admin/groups/${group.id}`, { description: `${seen.length} ${more}` }),
        ),
      );
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(seen.map(({ id }) => id)).toEqual(before);
    const times = seen.map(({ at }) => at);
    expect(times).toEqual(times.toSorted().toReversed());
  });

  it('gives rows of one moment once, page by page', async () => {
    const rows = Array.from({ length: 5 }, () => ({
      id: uuid(),
      at: '2020-01-01T00:00:00Z',
      actor_type: 'system',
      action: 'test',
      target_type: 'group',
      target_id: unknownId,
      result: 'success',
      request_id: 'one-moment',
    }));
    await sql`insert into audit ${sql(rows)}`;
    const ids = rows
      .map(({ id }) => id)
      .toSorted()
      .toReversed();
    const listed = z
      .array(z.looseObject({ id: z.string() }))
      .parse(await client.all(`/admin/audit?groupId=${unknownId}`));
    expect(listed.map(({ id }) => id)).toEqual(ids);
  });

  it('refuses the cursor of other filters', async () => {
    const { nextCursor } = page.parse((await client.send('GET', '/admin/audit?limit=1')).body);
    expect((await client.send('GET', `/admin/audit?cursor=${nextCursor}`)).status).toBe(200);
    for (const filter of [`groupId=${unknownId}`, `userId=${unknownId}`, 'from=2026-01-01T00:00:00Z']) {
      expect(await client.refused(400, 'GET', `/admin/audit?${filter}&cursor=${nextCursor}`)).toBe('validation_failed');
    }
    expect(await client.refused(400, 'GET', `/admin/sessions?cursor=${nextCursor}`)).toBe('validation_failed');
  });
});

describe('a refusal by role', () => {
  it('is one row for each user, route and minute', async () => {
    const user = await client.makeUser();
    const { accessToken } = await server.rest.login(user.username);
    const asHim = (method: string, path: string) => client.send(method, path, undefined, accessToken);
    const startedMinute = Math.floor(Date.now() / 60_000);
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => asHim('GET', '/admin/users')).concat(
        Array.from({ length: 20 }, () => asHim('DELETE', `/admin/groups/${unknownId}`)),
        [
          asHim('PUT', `/admin/groups/${unknownId}/members/${adminId}`),
          asHim('POST', `/admin/users/${adminId}/pairing-codes`),
          asHim('DELETE', `/admin/sessions/${unknownId}`),
          asHim('PATCH', '/admin/users/no-id'),
        ],
      ),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([403]));
    const minutes = Math.floor(Date.now() / 60_000) - startedMinute + 1;
    const refusals = async () =>
      (await newest(`&userId=${user.id}`)).filter(({ action }) => action === 'access.refused');
    await until(async () => (await refusals()).length >= 6, { limitMs: 15_000, describe: () => 'all are recorded' });
    const found = await refusals();
    expect(found.length).toBeLessThanOrEqual(6 * minutes);
    const about = found.map(({ actor, target, result, details }) => ({ actor, target, result, ...details }));
    const common = { actor: { type: 'user', userId: user.id }, result: 'failure' };
    const onGroup = { ...common, target: { type: 'group', id: unknownId } };
    const onAdmin = { ...common, target: { type: 'user', id: adminId } };
    for (const row of [
      { ...common, target: null, method: 'GET', route: '/api/v1/admin/users' },
      { ...onGroup, method: 'DELETE', route: '/api/v1/admin/groups/:id' },
      { ...onGroup, method: 'PUT', route: '/api/v1/admin/groups/:id/members/:userId', userId: adminId },
      { ...onAdmin, method: 'POST', route: '/api/v1/admin/users/:id/pairing-codes' },
      {
        ...common,
        target: { type: 'session', id: unknownId },
        method: 'DELETE',
        route: '/api/v1/admin/sessions/:id',
      },
      { ...common, target: null, method: 'PATCH', route: '/api/v1/admin/users/:id' },
    ]) {
      expect(about).toContainEqual(row);
    }
  });

  it('is one row a minute for messages, too', async () => {
    const [manager, user] = [await client.makeUser(), await client.makeUser()];
    const group = await client.makeGroup(manager.id);
    await client.send('PUT', `/admin/groups/${group.id}/members/${user.id}`);
    const { accessToken } = await server.rest.login(user.username);
    const socket = await WsClient.connect(server.rest.origin, {
      token: accessToken,
      headers: { 'x-request-id': 'his-socket' },
    });
    await socket.hello();
    const startedMinute = Math.floor(Date.now() / 60_000);
    for (let count = 0; count < 5; count += 1) {
      const answer = await socket.request('REVOKE_TALK', { groupId: group.id });
      expect(answer).toMatchObject({ type: 'ERROR', code: 'forbidden' });
    }
    const refusals = async () =>
      (await newest(`&groupId=${group.id}&userId=${user.id}`)).filter(({ action }) => action === 'access.refused');
    await until(async () => (await refusals()).length > 0, { limitMs: 15_000, describe: () => 'it is recorded' });
    const minutes = Math.floor(Date.now() / 60_000) - startedMinute + 1;
    expect((await refusals()).length).toBeLessThanOrEqual(minutes);
    expect((await refusals())[0]).toMatchObject({
      actor: { type: 'user', userId: user.id },
      target: { type: 'group', id: group.id },
      result: 'failure',
      requestId: 'his-socket',
      details: { message: 'REVOKE_TALK' },
    });
    await socket.close();
  });
});
