import { setTimeout as pause } from 'node:timers/promises';
import { v7 as uuidV7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMedia, mediaIdentity, type MediaGuard, type MediaServer } from '../../src/realtime/media/index.ts';
import { LivekitMediaServer } from '../../src/realtime/media/livekit.ts';
import { until } from '../_support/until.ts';
import { AdapterBench, BUDGET_MS } from './adapter-bench.ts';
import { Attacker } from './attacks/attacker.ts';
import { type Guest, lookUp, permissionOf } from './room-client.ts';

type MediaOptions = Parameters<typeof createMedia>[0];
type Floor = Awaited<ReturnType<MediaOptions['publishers']>>;

/** media.md: whoever publishes or listens without the right is out ≤ 6 s without a webhook. */
const OUT_MS = 6_000;
/** "silent for 4 s", seen by looks that are up to 3 s apart; the rest is for a busy machine. */
const MEDIA_FAILED_MS = 15_000;
const ROUNDS = 50;
/** Until the two have met at least once: how often they do depends on the machine. */
const MOST_ROUNDS = 500;
const freeFloor: Floor = { talk: null, reserved: null };

const bench = AdapterBench.use();

/** What the rest of the server says, as the test wants it. */
const world = {
  floors: new Map<string, Floor>(),
  outsiders: new Set<string>(),
  isDatabaseAway: false,
  groupsOfUser: [] as string[],
  failed: [] as string[],
};
const closing: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  world.floors.clear();
  world.outsiders.clear();
  world.isDatabaseAway = false;
  world.groupsOfUser = [];
  world.failed = [];
});

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()));
});

function floorOf(groupId: string): Floor {
  return world.floors.get(groupId) ?? freeFloor;
}

/** A media server and its guard, as a process without webhooks has them; the guard looks at rooms from the start on. */
function startProcess(keyPrefix = 'one-'): { readonly server: MediaServer; readonly guard: MediaGuard } {
  const { host, publicUrl, apiKey, apiSecret } = bench().livekit;
  const known = async <Answer>(answer: Answer): Promise<Answer> => {
    if (world.isDatabaseAway) throw new Error('PostgreSQL is away');
    return answer;
  };
  const { server, guard } = createMedia({
    livekit: { host, publicUrl, apiKey, apiSecret: { reveal: () => apiSecret } },
    keyPrefix,
    log: { warn: () => undefined, info: () => undefined },
    publishers: async (groupId) => floorOf(groupId),
    guard: {
      failTalk: async (groupId, talkId) => {
        world.failed.push(talkId);
        world.floors.delete(groupId);
      },
      present: () => [],
      outsidersOf: (_groupId, members) =>
        known(members.filter(({ userId, sessionId }) => world.outsiders.has(mediaIdentity(userId, sessionId)))),
      groupsOf: () => known(world.groupsOfUser),
    },
    nowMs: Date.now,
  });
  guard.start();
  closing.push(async () => {
    await guard.close();
    await server.close();
  });
  return { server, guard };
}

/** One of two processes that know the same floor; nobody looks at rooms. */
function adapter(): LivekitMediaServer {
  const { host, publicUrl, apiKey, apiSecret } = bench().livekit;
  const server = new LivekitMediaServer({
    livekit: { host, publicUrl, apiKey, apiSecret: { reveal: () => apiSecret } },
    keyPrefix: 'one-',
    log: { warn: () => undefined, info: () => undefined },
    floor: async (groupId) => floorOf(groupId),
  });
  closing.push(() => server.close());
  return server;
}

async function attack(media: Awaited<ReturnType<MediaServer['listenDescription']>>): Promise<Attacker> {
  if (media.kind !== 'livekit') throw new Error('no LiveKit');
  const attacker = await Attacker.join(media);
  closing.push(() => attacker.leave());
  return attacker;
}

async function mayPublish(room: string, identity: string): Promise<boolean> {
  return (await permissionOf(bench().livekit, room, identity)).canPublish;
}

async function untilOut(room: string, ...identities: string[]): Promise<void> {
  for (const identity of identities) {
    await until(async () => (await lookUp(bench().livekit, room, identity)) === undefined, {
      limitMs: OUT_MS,
      describe: () => `${identity} is out of ${room}`,
    });
  }
}

describe('two processes that set one right', () => {
  test.each(['looks at who has joined', 'is late with the end of the talk before'])(
    'while one %s, who is given the floor by the other always ends with the right',
    async (what) => {
      const [late, granting] = [adapter(), adapter()];
      const { groupId, identity, room } = bench();
      await bench().listen(granting);
      let givenBack = 0;
      for (let round = 0; round < ROUNDS || (givenBack === 0 && round < MOST_ROUNDS); round += 1) {
        const talkId = `talk-${round}`;
        world.floors.set(groupId, freeFloor);
        await granting.withdrawSpeaking(groupId, identity, BUDGET_MS);
        const before = await bench().version();
        const lateCall = async (): Promise<void> => {
          await pause(Math.random() * 6);
          if (what === 'looks at who has joined') await late.enforcer.enforce(groupId, identity);
          else await late.withdrawSpeaking(groupId, identity, BUDGET_MS);
        };
        const grant = async (): Promise<void> => {
          await pause(Math.random() * 6);
          world.floors.set(groupId, { talk: null, reserved: { talkId, identity, over: null } });
          await granting.allowSpeaking(groupId, identity, BUDGET_MS);
          world.floors.set(groupId, { talk: { talkId, identity }, reserved: null });
        };
        await Promise.all([lateCall(), grant()]);
        await late.enforcer.settled();
        // Who has taken it gives it back; a call that a busy machine did not answer in time is made again.
        await until(() => mayPublish(room, identity), {
          limitMs: OUT_MS,
          everyMs: 5,
          describe: () => `he may publish in round ${round}`,
        });
        if ((await bench().version()) > before + 1) givenBack += 1;
      }
      expect(givenBack, 'rounds in which the right was taken and given back').toBeGreaterThan(0);
    },
  );

  test('who loses the floor meanwhile always ends without it', async () => {
    const [one, other] = [adapter(), adapter()];
    const { groupId, identity, room } = bench();
    await bench().listen(one);
    for (let round = 0; round < ROUNDS; round += 1) {
      world.floors.set(groupId, { talk: { talkId: `talk-${round}`, identity }, reserved: null });
      const asserts = pause(Math.random() * 6).then(() => other.enforcer.assert(groupId, identity));
      await pause(Math.random() * 6);
      world.floors.set(groupId, freeFloor);
      await one.withdrawSpeaking(groupId, identity, BUDGET_MS);
      await asserts;
      expect(await mayPublish(room, identity), `round ${round}`).toBe(false);
    }
  });
});

describe('without any webhook', () => {
  test('who joins a quiet group with an old publish token has not got the right for long', async () => {
    const { server } = startProcess();
    const { groupId, identity, room } = bench();
    await bench().join(await server.publishDescription(groupId, identity));
    await until(async () => !(await mayPublish(room, identity)), {
      limitMs: OUT_MS,
      describe: () => 'he listens',
    });
  });

  test('the talker who has joined with a listen token is given the right', async () => {
    const { server } = startProcess();
    const { groupId, identity, room } = bench();
    world.floors.set(groupId, { talk: { talkId: 'talk', identity }, reserved: null });
    await bench().join(await server.listenDescription(groupId, identity));
    await until(() => mayPublish(room, identity), { limitMs: OUT_MS, describe: () => 'he may publish' });
  });

  test('rooms of other deployments are left alone, also of one whose prefix begins with this one’s', async () => {
    const { groupId, identity } = bench();
    const others = ['', 'two-', 'one-neda.', 'one'].map((keyPrefix) => bench().mediaServer({ keyPrefix }));
    for (const other of others) await bench().join(await other.publishDescription(groupId, identity));
    const { server } = startProcess();
    const mine = await server.publishDescription(groupId, identity);
    await bench().join(mine);
    await until(async () => !(await mayPublish(bench().room, identity)), {
      limitMs: OUT_MS,
      describe: () => 'he listens in the room of this deployment',
    });
    for (const other of others) {
      const media = await other.publishDescription(groupId, identity);
      if (media.kind !== 'livekit') throw new Error('no LiveKit');
      expect(await mayPublish(media.room, identity), media.room).toBe(true);
    }
  });

  test('a talker whose track is gone loses the talk, and not before he had published', async () => {
    const { server } = startProcess();
    const { groupId, identity, room } = bench();
    world.floors.set(groupId, { talk: { talkId: 'talk', identity }, reserved: null });
    const talker = await attack(await server.publishDescription(groupId, identity));
    // As long as he could be without a track afterwards.
    await talker.sendsOn(8_000);
    expect(world.failed).toEqual([]);
    await talker.publish();
    await talker.sendsOn(8_000);
    expect(world.failed).toEqual([]);
    await talker.unpublish();
    await until(() => world.failed.includes('talk'), { limitMs: MEDIA_FAILED_MS, describe: () => 'the talk fails' });
    await until(async () => !(await mayPublish(room, identity)), { limitMs: OUT_MS, describe: () => 'he listens' });
  });
});

describe('who may not hear the group any more', () => {
  /** Two sessions of one user, and somebody else, in the room of the group. */
  async function gather(server: MediaServer) {
    const userId = uuidV7();
    const [watch, tablet] = [uuidV7(), uuidV7()];
    const his = [mediaIdentity(userId, watch), mediaIdentity(userId, tablet)] as const;
    const otherUserId = uuidV7();
    const other = mediaIdentity(otherUserId, uuidV7());
    const join = async (identity: string): Promise<Guest> =>
      bench().join(await server.listenDescription(bench().groupId, identity));
    for (const identity of [...his, other]) await join(identity);
    return { userId, watch, his, otherUserId, other, join };
  }

  async function isIn(identity: string): Promise<boolean> {
    return (await lookUp(bench().livekit, bench().room, identity)) !== undefined;
  }

  test('is put out on every device when he is removed, and each time he comes back', async () => {
    const { server, guard } = startProcess();
    const { groupId, room } = bench();
    const { userId, his, other, join } = await gather(server);
    for (const identity of his) world.outsiders.add(identity);
    guard.heard({ type: 'member.removed', payload: { groupId, userId } });
    await untilOut(room, ...his);
    await join(his[0]);
    await untilOut(room, his[0]);
    expect(await isIn(other)).toBe(true);
  });

  test('is not, when he is a member again by the time the news of his removal comes', async () => {
    const { server, guard } = startProcess();
    const { groupId, room } = bench();
    const { userId, otherUserId, his, other } = await gather(server);
    world.outsiders.add(other);
    guard.heard({ type: 'member.removed', payload: { groupId, userId } });
    // The same for somebody who is no member, later.
    guard.heard({ type: 'member.removed', payload: { groupId, userId: otherUserId } });
    await untilOut(room, other);
    expect([await isIn(his[0]), await isIn(his[1])]).toEqual([true, true]);
  });

  test('is put out on the device whose session has ended, and on no other', async () => {
    const { server, guard } = startProcess();
    const { userId, watch, his, other } = await gather(server);
    world.groupsOfUser = [bench().groupId];
    world.outsiders.add(his[0]);
    guard.heard({ type: 'session.ended', payload: { userId, sessionId: watch, cause: 'logout' } });
    await untilOut(bench().room, his[0]);
    expect([await isIn(his[1]), await isIn(other)]).toEqual([true, true]);
  });

  test('is everybody when the group is deleted', async () => {
    const { server, guard } = startProcess();
    const { his, other } = await gather(server);
    for (const identity of [...his, other]) world.outsiders.add(identity);
    guard.heard({ type: 'group.deleted', payload: { groupId: bench().groupId } });
    await untilOut(bench().room, ...his, other);
  });

  test('is found by a look, where the news of it were lost', async () => {
    const { server } = startProcess();
    const { his, other } = await gather(server);
    world.outsiders.add(his[1]);
    // Who was found to be a member just now is asked about again after 20 s.
    startProcess();
    await untilOut(bench().room, his[1]);
    expect([await isIn(his[0]), await isIn(other)]).toEqual([true, true]);
  });

  test('is put out while PostgreSQL is away by what was heard before, and nobody else is', async () => {
    const { server, guard } = startProcess();
    const { groupId, room } = bench();
    const { userId, his, other, join } = await gather(server);
    world.isDatabaseAway = true;
    guard.heard({ type: 'member.removed', payload: { groupId, userId } });
    await untilOut(room, ...his);
    await join(his[1]);
    await untilOut(room, his[1]);
    expect(await isIn(other)).toBe(true);
  });
});
