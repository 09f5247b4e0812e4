import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { grantedAgain, QUICK_MS, RECOVERY_MS } from './recovery.ts';

describe('when the live store fails', () => {
  let redis: TestRedis;
  let database: TestDatabase;
  let here: Neda;
  let there: Neda;

  beforeEach(async () => {
    [redis, database] = await Promise.all([startRedis(), createDatabase()]);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: redis.url, env };
    [here, there] = await Promise.all([startNeda(options), startNeda(options)]);
  });
  afterEach(async () => {
    redis.resume();
    await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
    await redis[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  async function talking() {
    const groupId = await newGroup(here);
    const { client: alice, tokens } = await signIn(here, 'alice');
    const { client: bob } = await signIn(there, 'bob');
    for (const client of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const granted = await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.waitForType('TALK_STARTED', { groupId });
    return { groupId, alice, bob, granted, tokens };
  }

  test('a pause shorter than the lease refuses new work quickly and ends no talk', async () => {
    const { groupId, alice, bob, granted } = await talking();
    redis.pause();
    const denied = await bob.request('REQUEST_TALK', { groupId }, QUICK_MS);
    expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'unavailable' });
    await bob.settled();
    redis.resume();
    await until(async () => (await bob.request('REQUEST_TALK', { groupId }))['cause'] === 'busy', {
      limitMs: RECOVERY_MS,
      describe: () => bob.describe(),
    });
    expect(alice.messages('TALK_REVOKED')).toEqual([]);
    expect(await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
    expect(await bob.waitForType('TALK_ENDED', { groupId })).toMatchObject({
      talkId: granted['talkId'],
      cause: 'released',
    });
  });

  test('a pause longer than the lease ends the talk at the lease, and it goes on afterwards', async () => {
    const { groupId, alice, bob, granted } = await talking();
    redis.pause();
    const revoked = await alice.waitForType('TALK_REVOKED', { groupId, limitMs: 6_500 });
    expect(revoked).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
    redis.resume();
    for (const client of [alice, bob]) {
      const ended = await client.waitForType('TALK_ENDED', { groupId, limitMs: RECOVERY_MS });
      expect(ended).toMatchObject({ talkId: granted['talkId'] });
    }
    await grantedAgain(bob, groupId);
    expect(alice.messages('TALK_REVOKED')).toHaveLength(1);
  });

  test('an empty restart begins a new epoch: all are told anew, nothing is granted for a lease, then talks go on', async () => {
    const { groupId, alice, bob, granted } = await talking();
    await redis.kill();
    const restartedAtMs = performance.now();
    await redis.start();
    const revoked = await alice.waitForType('TALK_REVOKED', { groupId, limitMs: RECOVERY_MS });
    expect(revoked).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
    for (const client of [alice, bob]) {
      const state = await client.waitForType('GROUP_STATE', { groupId, limitMs: RECOVERY_MS });
      expect(state['epoch']).toBeGreaterThan(Number(granted['epoch']));
      expect(state['floor']).toEqual({ state: 'idle' });
    }
    const again = await grantedAgain(bob, groupId);
    expect(performance.now() - restartedAtMs).toBeGreaterThan(5_000);
    expect(again['epoch']).toBeGreaterThan(Number(granted['epoch']));
    await alice.waitForType('TALK_STARTED', { groupId });
    const events = alice.messages().filter(({ seq, epoch }) => seq !== undefined && epoch === again['epoch']);
    expect(events[0]?.type).toBe('GROUP_STATE');
  });

  test('all keys lost: as after an empty restart', async () => {
    const { groupId, alice, bob, granted } = await talking();
    await redis.command('FLUSHALL');
    await alice.waitForType('TALK_REVOKED', { groupId, limitMs: RECOVERY_MS });
    for (const client of [alice, bob]) {
      const state = await client.waitForType('GROUP_STATE', { groupId, limitMs: RECOVERY_MS });
      expect(state['epoch']).toBeGreaterThan(Number(granted['epoch']));
      expect(state['presenceCount']).toBeGreaterThan(0);
    }
    await grantedAgain(bob, groupId);
  });

  test('all keys lost, and somebody joins before anybody has noticed: nobody is lost, and nothing is granted', async () => {
    const { groupId, alice, bob, granted } = await talking();
    const { client: carol } = await signIn(here, 'carol');
    await redis.command('FLUSHALL');
    await carol.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, since: { epoch: Number.MAX_SAFE_INTEGER, seq: 0 } });
    const asked = await carol.request('REQUEST_TALK', { groupId });
    expect(asked).toMatchObject({ type: 'TALK_DENIED', cause: 'unavailable' });
    for (const client of [alice, bob]) {
      await client.waitFor((message) => message.groupId === groupId && message['presenceCount'] === 3, {
        limitMs: RECOVERY_MS,
        what: 'the news that all three are there',
      });
    }
    const again = await grantedAgain(alice, groupId);
    expect(again['epoch']).toBeGreaterThan(Number(granted['epoch']));
    expect(again['epoch']).toBeLessThan(2 ** 53);
  });

  test('all keys lost: who asks before it was noticed is told to wait, as somebody who is there', async () => {
    const { groupId, bob } = await talking();
    await redis.command('FLUSHALL');
    const denied = await bob.request('REQUEST_TALK', { groupId });
    expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'unavailable', retryAfterMs: expect.any(Number) });
  });

  test.each([
    ['all keys are lost', async () => void (await redis.command('FLUSHALL'))],
    [
      'the store is away for longer than the lease',
      async () => {
        redis.pause();
        const pausedAtMs = performance.now();
        await until(() => performance.now() - pausedAtMs > 8_000, { limitMs: 20_000, describe: () => 'it is away' });
        redis.resume();
      },
    ],
  ])('who waits in the queue is told that his place is gone when %s', async (_name, lose) => {
    const { groupId, bob } = await talking();
    const { client: carol } = await signIn(here, 'carol');
    await carol.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const waiting = [bob, carol];
    for (const client of waiting) await client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    await lose();
    for (const client of waiting) {
      const told = await client.waitForType('TALK_DENIED', { groupId, limitMs: RECOVERY_MS });
      expect(told).toMatchObject({ cause: 'unavailable' });
      expect(told.re).toBeUndefined();
    }
    await grantedAgain(bob, groupId);
    expect(bob.messages('TALK_DENIED').filter(({ re }) => re === undefined)).toHaveLength(1);
  });

  test('forgotten scripts and cut connections lose no event', async () => {
    const { groupId, alice, bob, granted } = await talking();
    await redis.command('SCRIPT FLUSH');
    await redis.command('CLIENT KILL TYPE pubsub');
    await redis.command('CLIENT KILL TYPE normal');
    await until(
      async () => {
        const answer = await alice.request('RELEASE_TALK', { groupId });
        return answer.type === 'TALK_RELEASED';
      },
      { limitMs: RECOVERY_MS, everyMs: 100, describe: () => alice.describe() },
    );
    const ended = await bob.waitForType('TALK_ENDED', { groupId, limitMs: 10_000 });
    expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'released' });
    await grantedAgain(bob, groupId);
    await alice.waitForType('TALK_STARTED', { groupId, limitMs: 10_000 });
  });

  test('a frozen process loses its talk once, and knows it when it thaws', async () => {
    const { groupId, alice, bob, granted } = await talking();
    here.pause();
    const ended = await bob.waitForType('TALK_ENDED', { groupId, limitMs: RECOVERY_MS });
    expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
    const next = await bob.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    here.resume();
    expect(await alice.waitForType('TALK_REVOKED', { groupId, limitMs: 5_000 })).toMatchObject({
      talkId: granted['talkId'],
      cause: 'expired',
    });
    await alice.waitFor(
      (message) =>
        (message.type === 'TALK_STARTED' && message['talkId'] === next['talkId']) ||
        (message.type === 'GROUP_STATE' && message.floor?.talkId === next['talkId']),
      { limitMs: 10_000, what: 'the next talk' },
    );
    expect(bob.messages('TALK_ENDED').filter((message) => message['talkId'] === granted['talkId'])).toHaveLength(1);
    expect(await bob.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
  });

  test('a stop in the middle of a talk: sockets close 4000 and the talk ends lost after the grace', async () => {
    const { groupId, alice, bob, granted } = await talking();
    const stopping = here.stop();
    expect((await alice.closed(9_000)).code).toBe(4000);
    const ended = await bob.waitForType('TALK_ENDED', { groupId, limitMs: 9_000 });
    expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'lost' });
    expect(await stopping).toBe(0);
  });
});
