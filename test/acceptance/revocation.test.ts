import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { BUSY_MS } from '../_support/busy.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { type NoticeDropper, startNoticeDropper } from '../_support/notice-dropper.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import type { Tokens } from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';
import { type Change, changes, type Victim } from './revocation-changes.ts';

/** Deadlines of the contract, from the commit on: the end of the talk, and everything else. */
const ENDED_MS = 1_000 + BUSY_MS;
const ALL_MS = 2_000 + BUSY_MS;
/** Half of it is enough for two people to sign in. */
const TOKEN_LIFE_MS = 8_000;

const password = 'push-to-talk';
const env = { SECRET_KEY: 'a secret that all processes of the test share' };

/** Two processes of one deployment; whatever PostgreSQL announces reaches them through proxies that can lose it. */
interface Deployment {
  readonly here: Neda;
  readonly there: Neda;
  readonly droppers: readonly NoticeDropper[];
  readonly sql: postgres.Sql;
  /** A third one, of other settings. */
  start(more: Readonly<Record<string, string>>): Promise<Neda>;
  close(): Promise<void>;
}

let deployment: Deployment;
let admin: string;
/** They listen on either process, and the first is the manager of every group. */
let listeners: readonly { readonly id: string; readonly client: WsClient }[];
let serial = 0;

beforeAll(async () => {
  deployment = await deploy();
  const { here, there } = deployment;
  admin = (await here.rest.login('admin')).accessToken;
  listeners = await Promise.all(
    [here, there].map(async (neda) => {
      const { id, tokens } = await newPerson();
      return { id, client: await WsClient.signIn(neda.origin, tokens.accessToken) };
    }),
  );
});

afterAll(async () => {
  for (const { client } of listeners) client.terminate();
  await deployment.close();
});

describe.each([
  { how: 'everywhere at once', isLost: false, endedMs: ENDED_MS },
  { how: 'also when no process is notified', isLost: true, endedMs: ALL_MS },
])('what a talk stands on is taken, $how', ({ isLost, endedMs }) => {
  afterEach(() => deployment.droppers.forEach((dropper) => dropper.setDropping(false)));

  test.each(changes)('$name', async (change) => {
    const { victim, client } = await talking();
    const droppedBefore = deployment.droppers.map(({ dropped }) => dropped);
    deployment.droppers.forEach((dropper) => dropper.setDropping(isLost));
    const requestId = nextRequestId();
    const answer = await make(change, victim, requestId);
    expect(answer.status).toBe(change.status);
    const { groupId } = victim;
    const ends = await Promise.all([
      ...listeners.map((listener) => listener.client.waitForType('TALK_ENDED', { groupId, limitMs: endedMs })),
      told(change, client, groupId),
    ]);
    for (const end of ends.slice(0, listeners.length)) expect(end).toMatchObject({ cause: 'removed' });
    expect(await recordsOf(requestId)).toEqual({
      audit: expect.arrayContaining([...change.audit(victim)]),
      events: expect.arrayContaining([...change.events(victim)]),
    });
    if (isLost) {
      await until(() => deployment.droppers.every(({ dropped }, index) => dropped > (droppedBefore[index] ?? 0)), {
        limitMs: ALL_MS,
        describe: () => 'a notification was lost on the way to either process',
      });
    }
    if (!change.name.includes('group is deleted')) {
      await listeners[0]?.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    }
  });

  test('an admin who is made a user ends no talk any more', async () => {
    const { here, there } = deployment;
    serial += 1;
    const { id, username } = await here.rest.createUser(admin, {
      username: `admin-${serial}`,
      password,
      role: 'admin',
    });
    const client = await WsClient.signIn(there.origin, (await there.rest.login(username, password)).accessToken);
    const { id: groupId } = await here.rest.createGroup(admin, { name: username, managerId: listeners[0]?.id ?? '' });
    await client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId });
    deployment.droppers.forEach((dropper) => dropper.setDropping(isLost));
    await here.rest.expect(200, 'PATCH', `/api/v1/admin/users/${id}`, { token: admin, body: { role: 'user' } });
    await until(async () => (await client.request('REVOKE_TALK', { groupId })).code === 'not_found', {
      limitMs: ALL_MS,
      describe: () => `he is told that there is no such group. ${client.describe()}`,
    });
    client.terminate();
  });
});

describe.each(['audit', 'domain_event'])('a change whose row in %s cannot be written is none', (table) => {
  beforeAll(async () => {
    const { sql } = deployment;
    await sql.unsafe(`
      create or replace function refuse_for_test() returns trigger language plpgsql as $$
      begin
        if new.request_id like 'refused-%' then raise exception 'refused by the test'; end if;
        return new;
      end $$;
      create trigger refuse_for_test before insert on ${table} for each row execute function refuse_for_test()`);
  });
  afterAll(() => deployment.sql.unsafe(`drop trigger refuse_for_test on ${table}`));

  test.each(changes)('$name', async (change) => {
    const { victim, client } = await talking();
    const { rest } = deployment.here;
    const requestId = nextRequestId('refused-');
    expect((await make(change, victim, requestId)).status).toBe(500);
    expect(await recordsOf(requestId)).toEqual({ audit: [], events: [] });

    const { groupId, tokens } = victim;
    const members = await rest.expect(200, 'GET', `/api/v1/groups/${groupId}/members`, { token: tokens.accessToken });
    expect(members).toMatchObject({
      items: expect.arrayContaining([expect.objectContaining({ userId: victim.id, talk: 'allowed' })]),
    });
    await rest.login(tokens.user.username, password);
    expect(await client.request('RELEASE_TALK', { groupId })).toMatchObject({ released: true });
    for (const listener of listeners) {
      expect(await listener.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'released' });
    }
    client.terminate();
  });
});

test('a socket is closed when its token is over, unless it was given the next one', async () => {
  const brief = await deployment.start({ ACCESS_TOKEN_TTL_MS: String(TOKEN_LIFE_MS) });
  const { username, tokens: foreign } = await newPerson();
  const startedAtMs = performance.now();
  const [renewed, left] = [await brief.rest.login(username, password), await brief.rest.login(username, password)];
  const open = (tokens: Tokens) => WsClient.signIn(brief.origin, tokens.accessToken);
  const [renewing, leaving] = [await open(renewed), await open(left)];
  expect(await renewing.request('AUTHENTICATE', { token: foreign.accessToken })).toMatchObject({
    type: 'ERROR',
    code: 'forbidden',
  });
  await until(() => performance.now() > startedAtMs + TOKEN_LIFE_MS / 2, {
    limitMs: TOKEN_LIFE_MS,
    describe: () => 'half of the life is over',
  });
  const { accessToken: token } = await brief.rest.refresh(renewed.refreshToken);
  await renewing.expect('AUTHENTICATED', 'AUTHENTICATE', { token });
  expect(await leaving.closed(TOKEN_LIFE_MS + ALL_MS)).toEqual({ code: 4001, reason: 'token_expired' });
  await renewing.settled();
  expect(await renewing.closed(TOKEN_LIFE_MS + ALL_MS)).toEqual({ code: 4001, reason: 'token_expired' });
});

/** Somebody who holds the floor on the other process, in a new group of which both listeners are. */
async function talking(): Promise<{ readonly victim: Victim; readonly client: WsClient }> {
  const { here, there } = deployment;
  const { id, username, tokens: spare } = await newPerson();
  const [manager, other] = listeners;
  if (manager === undefined || other === undefined) throw new Error('nobody listens');
  const { id: groupId } = await here.rest.createGroup(admin, { name: `Group of ${username}`, managerId: manager.id });
  for (const userId of [other.id, id]) await here.rest.putMember(admin, groupId, userId);
  const tokens = await there.rest.login(username, password);
  const client = await WsClient.signIn(there.origin, tokens.accessToken);
  for (const each of [manager.client, other.client, client]) {
    await each.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  }
  const granted = await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
  for (const listener of listeners) {
    expect(await listener.client.waitForType('TALK_STARTED', { groupId })).toMatchObject({ talkId: granted.talkId });
  }
  return { victim: { id, password, tokens, spare, groupId }, client };
}

async function newPerson(): Promise<{ id: string; username: string; tokens: Tokens }> {
  serial += 1;
  const username = `person-${serial}`;
  const { rest } = deployment.here;
  const { id } = await rest.createUser(admin, { username, password });
  return { id, username, tokens: await rest.login(username, password) };
}

function nextRequestId(prefix = 'change-'): string {
  serial += 1;
  return `${prefix}${serial}`;
}

function make(change: Change, victim: Victim, requestId: string) {
  return change.make(deployment.here.rest, victim, { admin, headers: { 'x-request-id': requestId } });
}

/** Waits until the victim's socket has said what the change says. */
async function told({ told: expected }: Change, client: WsClient, groupId: string): Promise<void> {
  if ('close' in expected) {
    expect(await client.closed(ALL_MS)).toEqual({ code: expected.close, reason: expected.reason });
    return;
  }
  const message = await client.waitFor(
    (candidate) =>
      candidate.type === expected.type &&
      candidate.groupId === groupId &&
      (expected.type === 'GROUP_REMOVED' || candidate.me?.talk === expected.me.talk),
    { limitMs: ALL_MS, what: expected.type },
  );
  expect(message).toMatchObject(expected);
  client.terminate();
}

const auditRow = z.object({ action: z.string(), target_id: z.string() });
const eventRow = z.object({
  type: z.string(),
  payload: z.looseObject({
    sessionId: z.string().optional(),
    userId: z.string().optional(),
    groupId: z.string().optional(),
  }),
});

/** What one request has left in the audit and in the outbox. */
async function recordsOf(requestId: string): Promise<{ audit: string[]; events: string[] }> {
  const { sql } = deployment;
  const audit = await sql`select action, target_id from audit where request_id = ${requestId}`;
  const events = await sql`select type, payload from domain_event where request_id = ${requestId}`;
  return {
    audit: z
      .array(auditRow)
      .parse([...audit])
      .map(({ action, target_id: target }) => `${action} ${target}`),
    events: z
      .array(eventRow)
      .parse([...events])
      .map(({ type, payload }) => `${type} ${payload.sessionId ?? payload.userId ?? payload.groupId ?? ''}`),
  };
}

async function deploy(): Promise<Deployment> {
  await using opening = new AsyncDisposableStack();
  const database = opening.use(await createDatabase());
  const redis = opening.use(await startRedis());
  const droppers = [
    opening.use(await startNoticeDropper(database.url)),
    opening.use(await startNoticeDropper(database.url)),
  ];
  const started: Neda[] = [];
  opening.defer(async () => {
    await Promise.all(started.map((neda) => neda[Symbol.asyncDispose]()));
  });
  const sql = postgres(database.url, { max: 2, onnotice: () => undefined });
  opening.defer(() => sql.end());
  const startOn = async (databaseUrl: string, more: Readonly<Record<string, string>> = {}): Promise<Neda> => {
    const neda = await startNeda({ databaseUrl, redisUrl: redis.url, env: { ...env, ...more } });
    started.push(neda);
    return neda;
  };
  const here = await startOn(droppers[0]?.url ?? '');
  const there = await startOn(droppers[1]?.url ?? '');
  const open = opening.move();
  return {
    here,
    there,
    droppers,
    sql,
    start: (more) => startOn(database.url, more),
    close: () => open.disposeAsync(),
  };
}
