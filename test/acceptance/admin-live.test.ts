import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BUSY_MS } from '../_support/busy.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { newGroup } from './talk-scenarios.ts';
import { TalkScene } from './talk/scene.ts';

const unknownId = '01890a5d-ac96-774b-bcce-b302099a8057';

const liveGroup = z.strictObject({
  group: z.strictObject({ id: z.uuidv7(), name: z.string() }),
  floor: z.looseObject({ state: z.enum(['idle', 'taken']) }),
  presence: z.array(
    z.strictObject({ userId: z.uuidv7(), displayName: z.string(), role: z.enum(['group_manager', 'member']) }),
  ),
  connections: z.int(),
});
type LiveGroup = z.infer<typeof liveGroup>;
const page = z.strictObject({ items: z.array(liveGroup), nextCursor: z.string().nullable() });
const auditPage = z.looseObject({ items: z.array(z.looseObject({ action: z.string() })) });

describe('what admins see and do, two processes on one Redis', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let here: Neda;
  let there: Neda;
  let scene: TalkScene;
  let token: string;
  let adminId: string;

  beforeAll(async () => {
    [redis, database] = await Promise.all([startRedis(), createDatabase()]);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    [here, there] = await Promise.all([startNeda(options), startNeda(options)]);
    const tokens = await here.rest.login('admin');
    token = tokens.accessToken;
    adminId = tokens.user.id;
    scene = new TalkScene({ here, there, close: async () => undefined });
  });
  afterEach(() => redis.resume());
  afterAll(async () => {
    scene.end();
    await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function live(groupId: string, neda = here): Promise<LiveGroup | undefined> {
    const { items } = page.parse(await neda.rest.expect(200, 'GET', '/api/v1/admin/live?limit=100', { token }));
    return items.find(({ group }) => group.id === groupId);
  }

  async function revokedRows(groupId: string): Promise<unknown[]> {
    const path = `/api/v1/admin/audit?groupId=${groupId}&limit=100`;
    const { items } = auditPage.parse(await here.rest.expect(200, 'GET', path, { token }));
    return items.filter(({ action }) => action.startsWith('floor.'));
  }

  function revoke(groupId: string, neda = here): Promise<unknown> {
    return neda.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}/floor`, { token });
  }

  test('a group shows its floor, who is there and how many sockets, all processes together', async () => {
    const { groupId, alice, bob } = await scene.pair();
    const tablet = await scene.person(there, 'bob');
    await tablet.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const granted = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const people = [
      { userId: alice.tokens.user.id, displayName: 'Alice', role: 'group_manager' },
      { userId: bob.tokens.user.id, displayName: 'Bob', role: 'member' },
    ];
    for (const neda of [here, there]) {
      const shown = await live(groupId, neda);
      expect(shown).toMatchObject({ group: { id: groupId }, connections: 3 });
      expect(shown?.floor).toEqual({
        state: 'taken',
        talkId: granted['talkId'],
        streamId: granted['streamId'],
        speaker: { userId: bob.tokens.user.id, displayName: 'Bob' },
        elapsedMs: expect.any(Number),
        remainingMs: expect.any(Number),
        emergency: false,
        mine: false,
      });
      expect(shown?.presence).toHaveLength(2);
      expect(shown?.presence).toEqual(expect.arrayContaining(people));
    }
    await tablet.client.close();
    await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await until(async () => (await live(groupId))?.connections === 2, {
      limitMs: 15_000,
      describe: () => 'the closed socket is not counted',
    });
    expect((await live(groupId))?.floor).toEqual({ state: 'idle' });
  });

  test('a group that nobody is in is idle, and stays without live state', async () => {
    const groupId = await newGroup(here);
    expect(await live(groupId)).toEqual({
      group: { id: groupId, name: expect.any(String) },
      floor: { state: 'idle' },
      presence: [],
      connections: 0,
    });
    expect(await redis.command(`KEYS *{${groupId}}*`)).toBe('*0\r\n');
  });

  test('every living group comes once, in the order of ids, page by page', async () => {
    const gone = await newGroup(here);
    const kept = await newGroup(here);
    await here.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${gone}`, { token });
    const ids: string[] = [];
    let cursor = '';
    do {
      const path = `/api/v1/admin/live?limit=2${cursor}`;
      const { items, nextCursor } = page.parse(await there.rest.expect(200, 'GET', path, { token }));
      ids.push(...items.map(({ group }) => group.id));
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(ids).toEqual(ids.toSorted());
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toContain(kept);
    expect(ids).not.toContain(gone);
  });

  test('an admin ends a talk from a process that has nobody in the group, and that is recorded', async () => {
    const groupId = await newGroup(here);
    const bob = await scene.person(there, 'bob');
    await bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const granted = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await revoke(groupId, here);
    expect(await bob.client.waitForType('TALK_REVOKED', { groupId, limitMs: 1_000 + BUSY_MS })).toMatchObject({
      talkId: granted['talkId'],
      cause: 'revoked',
      retryAfterMs: 0,
    });
    const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + BUSY_MS });
    expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'revoked' });
    expect(await revokedRows(groupId)).toMatchObject([
      {
        actor: { type: 'user', userId: adminId },
        action: 'floor.revoked',
        target: { type: 'group', id: groupId },
        result: 'success',
        details: { talkId: granted['talkId'], userId: bob.tokens.user.id },
      },
    ]);
    await revoke(groupId);
    expect(await revokedRows(groupId)).toHaveLength(1);
    await here.rest.expectProblem(404, 'DELETE', `/api/v1/admin/groups/${unknownId}/floor`, { token });
  });

  test('the next in the queue gets the floor that an admin took', async () => {
    const { groupId, alice, bob } = await scene.pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    await revoke(groupId, there);
    await bob.client.waitForType('TALK_ENDED', { groupId });
    await alice.client.waitForType('TALK_GRANTED', { groupId });
  });

  test('a revoke by the manager and an emergency are recorded, each once', async () => {
    const { groupId, alice, bob } = await scene.pair();
    const granted = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, emergency: true });
    expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({ revoked: true });
    expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({ revoked: false });
    await until(async () => (await revokedRows(groupId)).length >= 2, {
      limitMs: 15_000,
      describe: () => 'both are recorded',
    });
    const [bobId, aliceId] = [bob.tokens.user.id, alice.tokens.user.id];
    const target = { type: 'group', id: groupId };
    const { talkId } = granted;
    const rows = await revokedRows(groupId);
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          actor: { type: 'user', userId: aliceId },
          action: 'floor.revoked',
          target,
          details: { talkId, userId: bobId },
        }),
        expect.objectContaining({
          actor: { type: 'user', userId: bobId },
          action: 'floor.emergency',
          target,
          details: { talkId },
        }),
      ]),
    );
  });

  test('time limits hold from the next talk on, the queue from the next request on, on every process', async () => {
    const { groupId, alice, bob } = await scene.pair({ maxTalkMs: 600_000, contendedTalkMs: 0, queueLimit: 0 });
    const first = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(first).toMatchObject({ maxTalkMs: 600_000 });
    expect(await alice.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId, queue: true })).toMatchObject({
      cause: 'busy',
    });
    const change = { settings: { maxTalkMs: 1_000, queueLimit: 5 } };
    await here.rest.expect(200, 'PATCH', `/api/v1/admin/groups/${groupId}`, { token, body: change });
    for (const { client } of [alice, bob]) {
      expect(await client.waitForType('GROUP_UPDATED', { groupId })).toMatchObject({ group: change });
    }
    expect(await alice.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true })).toMatchObject({
      position: 1,
    });
    const same = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(same).toMatchObject({ talkId: first['talkId'], maxTalkMs: 600_000 });
    await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    expect(await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId })).toMatchObject({ maxTalkMs: 1_000 });
    const second = await alice.client.waitFor(
      (message) => message.type === 'TALK_ENDED' && message['cause'] === 'too_long' && message.groupId === groupId,
      { limitMs: 15_000 },
    );
    expect(second['talkId']).not.toBe(first['talkId']);
  });

  test('another name is told once to everybody present, whatever process he is on', async () => {
    const groupId = await newGroup(here);
    const [alice, bob] = [await scene.person(here, 'alice'), await scene.person(there, 'bob')];
    const tablet = await scene.person(here, 'bob');
    for (const { client } of [alice, bob, tablet]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const userId = bob.tokens.user.id;
    await alice.client.waitFor(
      (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message).includes(userId),
    );
    const mark = alice.client.mark();
    const rename = (displayName: string): Promise<unknown> =>
      here.rest.expect(200, 'PATCH', `/api/v1/admin/users/${userId}`, { token, body: { displayName } });
    await rename('Robert');
    const joined = [{ userId, displayName: 'Robert', role: 'member' }];
    const told = await alice.client.waitForType('PRESENCE_CHANGED', { groupId, after: mark, limitMs: 2_000 + BUSY_MS });
    expect(told).toMatchObject({ joined, left: [], presenceCount: 2 });
    await until(async () => (await live(groupId))?.presence.some(({ displayName }) => displayName === 'Robert'), {
      limitMs: 2_000 + BUSY_MS,
      describe: () => 'the live view has the new name',
    });
    // The process with his tablet may have told it before the one that he talks through knew it.
    const nameOfNextTalk = async (): Promise<string | undefined> => {
      const { talkId } = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const started = await alice.client.waitFor(({ type, ...of }) => type === 'TALK_STARTED' && of.talkId === talkId);
      await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      expect(started.speaker?.userId).toBe(userId);
      return started.speaker?.displayName;
    };
    await until(async () => (await nameOfNextTalk()) === 'Robert', {
      limitMs: 2_000 + BUSY_MS,
      describe: () => `he talks as Robert. ${alice.client.describe()}`,
    });
    await rename('Bob');
    await alice.client.waitFor(
      (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message).includes('"Bob"'),
      { after: mark },
    );
    expect(alice.client.messages('PRESENCE_CHANGED', mark)).toHaveLength(2);
  });

  test('while Redis is silent both are refused at once or within their time, naming it', async () => {
    const groupId = await newGroup(here);
    redis.pause();
    for (const [method, path] of [
      ['GET', '/api/v1/admin/live'],
      ['DELETE', `/api/v1/admin/groups/${groupId}/floor`],
    ] as const) {
      const startedAtMs = performance.now();
      const problem = await here.rest.expectProblem(503, method, path, { token });
      expect(problem).toMatchObject({ code: 'dependency_unavailable', dependency: 'redis' });
      expect(performance.now() - startedAtMs).toBeLessThan(4_000 + BUSY_MS);
    }
    expect(await revokedRows(groupId)).toEqual([]);
  });
});
