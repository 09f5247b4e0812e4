import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { joinWithAudio, letGo, press, untilHeard } from '../acceptance/audio/scene.ts';
import { newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { numbers, numbersOf, sendPacket, speak } from '../_support/audio.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedisCluster, type TestRedis, type TestRedisCluster } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import type { ServerMessage } from '../_support/wire.ts';
import type { WsClient } from '../_support/ws-client.ts';
import { grantedAgain, QUICK_MS, RECOVERY_MS } from './recovery.ts';

/** Of one process to one primary. */
const MOST_CONNECTIONS = 3;

describe('on a Redis Cluster', () => {
  let cluster: TestRedisCluster;
  let database: TestDatabase;
  let here: Neda;
  let there: Neda;

  beforeEach(async () => {
    [cluster, database] = await Promise.all([startRedisCluster(), createDatabase()]);
    const env = { SECRET_KEY: 'a secret that all processes of the test share' };
    const options = { databaseUrl: database.url, redisUrl: cluster.url, env };
    [here, there] = await Promise.all([startNeda(options), startNeda(options)]);
  });
  afterEach(async () => {
    for (const node of cluster.nodes) node.resume();
    await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
    await cluster[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
  });

  /** A group for each of the nodes. */
  async function groupsOf(nodes: readonly TestRedis[]): Promise<string[]> {
    const found = new Map<TestRedis, string>();
    while (nodes.some((node) => !found.has(node))) {
      const groupId = await newGroup(here);
      found.set(await cluster.nodeOf(`speaker:{${groupId}}`), groupId);
    }
    return nodes.map((node) => found.get(node) ?? '');
  }

  async function people(...groupIds: string[]): Promise<{ alice: WsClient; bob: WsClient }> {
    const { client: alice } = await signIn(here, 'alice');
    const { client: bob } = await signIn(there, 'bob');
    for (const groupId of groupIds) {
      for (const client of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    }
    return { alice, bob };
  }

  test('each process has two connections to each primary, however many groups it has', async () => {
    const groupIds = await groupsOf(cluster.nodes);
    await people(...groupIds, await newGroup(here), await newGroup(here));
    for (const node of cluster.nodes) {
      const list = await node.command('CLIENT LIST TYPE normal');
      const listening = await node.command('CLIENT LIST TYPE pubsub');
      const own = / addr=/g;
      // The one that asks is among them.
      const count = [...list.matchAll(own), ...listening.matchAll(own)].length - 1;
      expect(count).toBeGreaterThan(0);
      expect(count).toBeLessThanOrEqual(2 * MOST_CONNECTIONS);
    }
  });

  test('voice crosses processes through each primary', async () => {
    const groupIds = await groupsOf(cluster.nodes);
    const { client: alice } = await signIn(here, 'alice');
    const { client: bob } = await signIn(there, 'bob');
    const { client: carol } = await signIn(there, 'carol');
    const talks = new Map<string, number>();
    for (const groupId of groupIds) {
      await joinWithAudio(alice, groupId);
      await joinWithAudio(bob, groupId);
      talks.set(groupId, await press(alice, groupId));
    }
    await Promise.all(
      [...talks.values()].map((streamId) => speak(alice, { streamId, count: 50, everyMs: 20, opusBytes: 60 })),
    );
    for (const groupId of groupIds) await joinWithAudio(carol, groupId);
    for (const streamId of talks.values()) for (const number of numbers(50, 20)) sendPacket(alice, streamId, number);
    for (const streamId of talks.values()) {
      await untilHeard(bob, streamId, 69);
      await untilHeard(carol, streamId, 69);
      expect(numbersOf(bob, streamId)).toEqual(numbers(0, 70));
      expect(numbersOf(carol, streamId)).toEqual(numbers(50, 20));
    }
    expect(alice.binary).toEqual([]);
    for (const groupId of groupIds) await letGo(alice, groupId);
  });

  test('kill -9 of the talker’s process: the talk expires, and the one who waits has the floor', async () => {
    const [groupId = ''] = await groupsOf(cluster.nodes.slice(1, 2));
    const { alice, bob } = await people(groupId);
    const granted = await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    await here.kill();
    const ended = await bob.waitForType('TALK_ENDED', { groupId, limitMs: RECOVERY_MS });
    expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
    expect(await bob.waitForType('TALK_GRANTED', { groupId })).toMatchObject({ seq: Number(ended['seq']) + 1 });
  });

  test('a silent primary makes its own groups unavailable, quickly, and no others', async () => {
    const [frozen, living] = cluster.nodes.slice(1);
    if (frozen === undefined || living === undefined) throw new Error('Three nodes are needed');
    const [silentGroup = '', livingGroup = ''] = await groupsOf([frozen, living]);
    const { alice, bob } = await people(silentGroup, livingGroup);
    frozen.pause();
    const denied = await alice.request('REQUEST_TALK', { groupId: silentGroup }, QUICK_MS);
    expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'unavailable' });
    await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: livingGroup });
    await bob.waitForType('TALK_STARTED', { groupId: livingGroup });
    frozen.resume();
    await until(async () => (await alice.request('REQUEST_TALK', { groupId: silentGroup })).type === 'TALK_GRANTED', {
      limitMs: RECOVERY_MS,
      everyMs: 200,
      describe: () => alice.describe(),
    });
  });

  test('a primary is killed and starts again empty: its groups begin a new epoch, the talks of the others go on', async () => {
    for (const lost of cluster.nodes.slice(1, 2)) {
      const others = cluster.nodes.filter((node) => node !== lost);
      const [lostGroup = '', ...otherGroups] = await groupsOf([lost, ...others]);
      const { alice, bob } = await people(lostGroup, ...otherGroups);
      const granted = await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: lostGroup });
      await bob.waitForType('TALK_STARTED', { groupId: lostGroup });
      const talks = new Map<string, ServerMessage>();
      for (const groupId of otherGroups) {
        talks.set(groupId, await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId }));
      }
      await lost.kill();
      // While it is away: an end and a new talk elsewhere, on both processes.
      const [first = ''] = otherGroups;
      await alice.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId: first });
      await bob.waitForType('TALK_ENDED', { groupId: first });
      talks.set(first, await bob.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: first }));
      expect(await alice.request('JOIN_GROUP', { groupId: first })).toMatchObject({ type: 'GROUP_JOINED' });
      await lost.start();
      const revoked = await alice.waitForType('TALK_REVOKED', { groupId: lostGroup, limitMs: RECOVERY_MS });
      expect(revoked).toMatchObject({ talkId: granted['talkId'], cause: 'expired' });
      for (const client of [alice, bob]) {
        const state = await client.waitForType('GROUP_STATE', { groupId: lostGroup, limitMs: RECOVERY_MS });
        expect(state['epoch']).toBeGreaterThan(Number(granted['epoch']));
        expect(state['floor']).toEqual({ state: 'idle' });
      }
      const again = await grantedAgain(bob, lostGroup);
      expect(again['epoch']).toBeGreaterThan(Number(granted['epoch']));
      await alice.waitForType('TALK_STARTED', { groupId: lostGroup });
      for (const [groupId, talk] of talks) {
        expect(alice.messages('GROUP_STATE').filter((message) => message.groupId === groupId)).toEqual([]);
        const holder = groupId === first ? bob : alice;
        expect(await holder.request('REQUEST_TALK', { groupId })).toMatchObject({
          type: 'TALK_GRANTED',
          talkId: talk['talkId'],
          epoch: talk['epoch'],
        });
      }
    }
  });
});
