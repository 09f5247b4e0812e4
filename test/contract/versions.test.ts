import { Redis } from 'ioredis';
import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import { RedisFloorStore, RedisHistorySource } from '../../src/realtime/floor-redis/index.ts';
import { createRedisSessionClaims } from '../../src/realtime/sessions/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { patient } from './floor-store/redis-harness.ts';
import { joinOf, person, policy, press } from './floor-store/scene.ts';

/** What stands in Redis when a later release writes there too (docs/decisions/versions.md). */
let redis: TestRedis;
let links: RedisLinks;
let direct: Redis;
let store: RedisFloorStore;

beforeAll(async () => {
  redis = await startRedis();
  links = await connectRedis(redis.url);
  direct = new Redis(redis.url);
  const life = { generation: 1, quietUntilMs: 0 };
  store = new RedisFloorStore({ links: patient(links), keyPrefix: '', processId: uuid(), life: () => life });
});
afterAll(async () => {
  direct.disconnect();
  await links.close();
  await redis[Symbol.asyncDispose]();
});

const later = [9_007_199_254_740_991, '9007199254740993', 1.5, [], { names: ['a', 'b'] }, true];

/** Writes what only a later release knows into the state, or whatever else `change` says in Lua. */
async function rewrite(groupId: string, change: string): Promise<void> {
  const lua = `
    local state, later = cmsgpack.unpack(redis.call('GET', KEYS[1])), cjson.decode(ARGV[1])
    ${change}
    return redis.call('SET', KEYS[1], cmsgpack.pack(state))`;
  await direct.eval(lua, 1, `floor:{${groupId}}`, JSON.stringify(later));
}

async function read(groupId: string, field: string): Promise<unknown> {
  const lua = `
    local state = cmsgpack.unpack(redis.call('GET', KEYS[1]))
    local value = ${field}
    if value == nil then return 'nothing' end
    value[1] = string.format('%.0f', value[1])
    return cjson.encode(value)`;
  return JSON.parse(String(await direct.eval(lua, 1, `floor:{${groupId}}`)));
}

// Lua has one empty table for lists and objects.
const kept = ['9007199254740991', '9007199254740993', 1.5, {}, { names: ['a', 'b'] }, true];

test('fields that this release does not know are kept in state, talk, reservation and places', async () => {
  const groupId = uuid();
  const [alice, bob, carol] = [person('Alice'), person('Bob'), person('Carol')];
  for (const member of [alice, bob, carol]) await store.join(joinOf(groupId, member));
  await store.request(press(groupId, alice, { emergency: true }));
  await rewrite(groupId, 'state.next, state.floor.next, state.talk.next = later, later, later');
  await store.request(press(groupId, bob, { queue: true }));
  expect(await store.request(press(groupId, carol, { queue: true }))).toMatchObject({ status: 'queued', position: 2 });
  const place = await direct.lindex(`queue:{${groupId}}`, 1);
  await direct.lset(`queue:{${groupId}}`, 1, `${place?.slice(0, -1)},"next":["kept"]}`);
  // An ordinary place becomes that of an emergency: the entry is written anew.
  const urgent = press(groupId, carol, { queue: true, emergency: true });
  expect(await store.request(urgent)).toMatchObject({ status: 'queued', position: 1 });
  expect(await read(groupId, 'state.talk.next')).toEqual(kept);

  await store.release({ groupId, ...alice, talkId: null });
  expect(await read(groupId, '{0, state.pending.user, state.pending.next}')).toEqual(['0', carol.userId, ['kept']]);
  await rewrite(groupId, 'state.pending.next = later');
  await store.leave({ groupId, ...alice, how: 'left' });
  for (const field of ['state.next', 'state.floor.next', 'state.pending.next']) {
    expect(await read(groupId, field), field).toEqual(kept);
  }
});

test('what a later release adds to a member stays with his connection', async () => {
  const groupId = uuid();
  const alice = person('Alice');
  const entry = () => direct.hget(`members:{${groupId}}`, alice.sessionId);
  await store.join(joinOf(groupId, alice));
  const known = await entry();
  await direct.hset(`members:{${groupId}}`, alice.sessionId, `${known}|next|one more`);
  expect(await store.request(press(groupId, alice))).toMatchObject({ status: 'granted' });
  await store.join({ ...joinOf(groupId, alice), again: true });
  await store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'talk' });
  expect(await entry()).toBe(`${known?.replace('allowed', 'listen_only')}|next|one more`);
  await store.leave({ groupId, ...alice, how: 'replaced' });
  expect(await entry()).toMatch(/\|listen_only\|\d+\|next\|one more$/);
  // Another connection is another entry.
  await store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
  expect(await entry()).toMatch(/\|allowed\|$/);
});

test('a change of presence that is noted in another way is still announced as it is', async () => {
  const groupId = uuid();
  const [alice, bob] = [person('Alice'), person('Bob')];
  await store.join(joinOf(groupId, alice));
  await direct.hset(`dirty:{${groupId}}`, alice.userId, 'next', bob.userId, 'next');
  const { published } = await store.request(press(groupId, alice));
  expect(published[0]).toContain(`"joined":[{"userId":"${alice.userId}"`);
  expect(published[0]).toContain(`"left":[{"userId":"${bob.userId}"}]`);
});

test('what a later release says of a person is kept, and not announced again, until there is news', async () => {
  const groupId = uuid();
  const [alice, bob] = [person('Alice'), person('Bob')];
  const described = () => direct.hget(`people:{${groupId}}`, alice.userId);
  await store.join(joinOf(groupId, alice));
  await store.join(joinOf(groupId, bob));
  await store.request(press(groupId, bob));
  const more = (await described())?.replace('}', ',"next":["word"]}');
  await direct.hset(`people:{${groupId}}`, alice.userId, more ?? '');
  await store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
  expect(await described()).toBe(more);
  const second = { ...alice, sessionId: uuid(), connectionId: uuid() };
  await store.join(joinOf(groupId, second));
  expect(await described()).toBe(more?.replace('1|', '2|'));
  expect(await direct.exists(`dirty:{${groupId}}`)).toBe(0);
  await store.join(joinOf(groupId, { ...second, displayName: 'Alice B.' }));
  expect(await described()).toMatch(/^2\|.*"Alice B\."/);
  expect(await direct.hkeys(`dirty:{${groupId}}`)).toEqual([alice.userId]);
});

test('a cooldown with more words binds as it says', async () => {
  const groupId = uuid();
  const alice = person('Alice');
  await store.join(joinOf(groupId, alice));
  const words = `${Date.now() + 60_000}|o|${Date.now() - 1_000}|emergencies elsewhere`;
  await direct.hset(`cooldown:{${groupId}}`, alice.userId, words);
  const bound = await store.request(press(groupId, alice, { policy: { ...policy, cooldownMs: 30_000 } }));
  expect(bound).toMatchObject({ status: 'cooldown' });
  expect('retryAfterMs' in bound && bound.retryAfterMs).toBeLessThanOrEqual(29_000);
  expect(await store.request(press(groupId, alice, { emergency: true }))).toMatchObject({ status: 'granted' });
});

test('a cooldown of an older release ends when it says', async () => {
  const groupId = uuid();
  const alice = person('Alice');
  const ask = (cooldownMs: number) => store.request(press(groupId, alice, { policy: { ...policy, cooldownMs } }));
  await store.join(joinOf(groupId, alice));
  await direct.hset(`cooldown:{${groupId}}`, alice.userId, `${Date.now() + 60_000}|o`);
  expect(await ask(0)).toMatchObject({ status: 'cooldown' });
  await direct.hset(`cooldown:{${groupId}}`, alice.userId, `${Date.now() - 1}|o`);
  expect(await ask(60_000)).toMatchObject({ status: 'granted' });
});

test('a cooldown says first when it ends by the limits of its talk, for older releases', async () => {
  const groupId = uuid();
  const alice = person('Alice');
  await store.join(joinOf(groupId, alice));
  await store.request(press(groupId, alice, { emergency: true }));
  await store.end({ groupId, talkId: null, cause: 'revoked' });
  const entry = (await direct.hget(`cooldown:{${groupId}}`, alice.userId)) ?? '';
  expect(entry).toMatch(/^\d+\|e\|\d+$/);
  const [endsAt, , began] = entry.split('|').map(Number);
  expect((endsAt ?? 0) - (began ?? 0)).toBe(policy.cooldownMs);
});

test('a newer format is left as it is, and the refusal names the remedy', async () => {
  const groupId = uuid();
  const alice = person('Alice');
  const key = `floor:{${groupId}}`;
  await store.join(joinOf(groupId, alice));
  await store.request(press(groupId, alice));
  await rewrite(groupId, 'state.format = state.format + 1');
  const before = [await direct.getBuffer(key), await direct.hgetall(`members:{${groupId}}`)];
  const talkId = uuid();
  const ends = { groupId, sessionId: alice.sessionId, connectionId: alice.connectionId, talkId };
  for (const step of [
    () => store.join(joinOf(groupId, person('Bob'))),
    () => store.request(press(groupId, alice)),
    () => store.commit({ groupId, talkId, token: uuid(), policy }),
    () => store.cancel({ groupId, talkId, token: uuid(), silenced: null, rightGiven: true }),
    () => store.release(ends),
    () => store.end({ groupId, talkId: null, cause: 'revoked' }),
    () => store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'member' }),
    () => store.rightsCleared({ groupId, identities: ['one'] }),
    () => store.renew({ groupId, honouredTalkIds: [], members: 0 }),
    () => store.leave({ ...ends, how: 'left' }),
    () => store.settle({ groupId }),
    () => store.snapshot({ groupId, since: null }),
  ]) {
    await expect(step(), step.toString()).rejects.toThrow('run that release, or the one before it');
  }
  expect([await direct.getBuffer(key), await direct.hgetall(`members:{${groupId}}`)]).toEqual(before);
});

test('a record of the history in a newer format waits for a release that reads it', async () => {
  const groupId = uuid();
  const words = ['kind', 'opened', 'voice', uuid(), 'start', '5', 'next', 'word'];
  await direct.xadd(`history:{${groupId}}`, '*', 'format', '2', ...words);
  await direct.xadd(`history:{${groupId}}`, '*', 'format', '1', ...words);
  await direct.xadd(`history:{${groupId}}`, '*', ...words);
  const history = new RedisHistorySource(links, '');
  history.touched(groupId);
  const entries = (await history.pending(1_000)).filter((entry) => entry.groupId === groupId);
  expect(entries.map(({ record }) => record.kind)).toEqual(['opened', 'opened']);
  await history.confirm(entries);
  expect(await direct.xlen(`history:{${groupId}}`)).toBe(1);
});

test('claims and messages about sockets may have more words', async () => {
  const [userId, sessionId, connectionId] = [uuid(), uuid(), uuid()];
  const posted: (readonly [processId: string, payload: string])[] = [];
  const replaced: string[] = [];
  let deliver: (payload: string) => void = () => undefined;
  const claims = createRedisSessionClaims({
    links,
    keyPrefix: '',
    processId: uuid(),
    mailbox: {
      listen: async (_processId, handler) => {
        deliver = handler.onMessage;
        return () => undefined;
      },
      post: async (...message) => void posted.push(message),
    },
  });
  await claims.start({ onReplaced: (replacedId) => replaced.push(replacedId), onGap: () => undefined });
  await direct.hset(`sockets:{${userId}}`, sessionId, 'a-process a-connection next');
  expect(await claims.claim({ userId, sessionId, connectionId, ttlMs: 60_000 }, 0)).toBe('claimed');
  expect(posted).toEqual([['a-process', 'a-connection']]);
  deliver('another-connection next');
  expect(replaced).toEqual(['another-connection']);
  await claims.close();
});
