import { dispose } from '@livekit/rtc-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { media as mediaSchema } from '../../clients/headless/messages.ts';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { joinWithAudio, letGo, press, untilHeard } from '../acceptance/audio/scene.ts';
import { newGroup, TalkScene } from '../acceptance/talk/scene.ts';
import { type Guest, joinRoom, permissionOf } from '../media/room-client.ts';
import { numbers, numbersOf, sendPacket, speak } from '../_support/audio.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { freePort } from '../_support/ports.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { type SlowProxy, startSlowProxy } from '../_support/slow-proxy.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

/** Each request is answered within 2 s, however slow LiveKit is (media.md): that, and what a busy machine adds. */
const ANSWER_LIMIT_MS = 3_000;
/** Grants work again so long after LiveKit is back (media.md). */
const BACK_LIMIT_MS = 5_000;
/** A talk whose lease is not renewed ends after this long. */
const LEASE_MS = 6_000;

let database: TestDatabase;
let redis: TestRedis;
let livekit: TestLivekit;
/** In front of LiveKit's API; the sound goes past it. */
let proxy: SlowProxy;
let neda: Neda;
let scene: TalkScene;

beforeAll(async () => {
  [database, redis, livekit] = await Promise.all([createDatabase(), startRedis(), startLivekit()]);
  proxy = await startSlowProxy(portOf(livekit));
  neda = await startNeda(options());
  scene = new TalkScene({ here: neda, there: neda, close: async () => undefined });
});

afterEach(() => scene.end());

afterAll(async () => {
  await neda[Symbol.asyncDispose]();
  await proxy[Symbol.asyncDispose]();
  await Promise.all([database, redis, livekit, ...others].map((server) => server[Symbol.asyncDispose]()));
  await dispose();
});

function options() {
  return {
    databaseUrl: database.url,
    redisUrl: redis.url,
    livekit: { ...livekit.env, LIVEKIT_HOST: `http://127.0.0.1:${proxy.port}` },
    env: { SECRET_KEY: 'a secret that all processes of the test share' },
  };
}

function portOf({ host }: TestLivekit): number {
  return Number(new URL(host).port);
}

/** What the server has to say to operators, from a place in its output on. */
function complaints(from = 0): string[] {
  const lines = neda.process.output.slice(from).split('\n');
  return lines.filter((line) => /WARN|ERROR|FATAL|media server/.test(line));
}

/** How many calls about somebody's rights have come to LiveKit's door. */
function calls(): number {
  return proxy.sent().split('RoomService/UpdateParticipant').length - 1;
}

/** How many of them name this identity. */
function callsAbout(identity: string): number {
  return proxy.sent().split(`"identity":"${identity}"`).length - 1;
}

async function ask(client: WsClient, groupId: string) {
  return client.request('REQUEST_TALK', { groupId }, ANSWER_LIMIT_MS);
}

async function livekitHealth(): Promise<unknown> {
  const { status, body } = await neda.rest.request('GET', '/health');
  expect(status).toBe(200);
  return body;
}

const down = { status: 'degraded', dependencies: { livekit: { status: 'down' } } };

/** Until the floor of a group is given again; it is let go at once. */
async function untilGranted(client: WsClient, groupId: string): Promise<void> {
  await until(async () => (await ask(client, groupId)).type === 'TALK_GRANTED', {
    limitMs: BACK_LIMIT_MS,
    everyMs: 100,
    describe: () => `the floor is given again. ${client.describe()}`,
  });
  await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
}

interface Fault {
  readonly name: string;
  readonly tells: RegExp;
  begin(): void | Promise<void>;
  end(): void | Promise<void>;
}

const others: TestLivekit[] = [];

const faults: readonly Fault[] = [
  {
    name: 'is absent',
    tells: /media server cannot be used/,
    begin: () => proxy.refuse(),
    end: () => proxy.listen(),
  },
  {
    name: 'is unreachable',
    tells: /media server cannot be used/,
    begin: () => livekit.pause(),
    end: () => livekit.resume(),
  },
  {
    name: 'is slow by 5 s',
    tells: /media server cannot be used/,
    begin: () => proxy.setDelay(5_000),
    end: () => proxy.setDelay(0),
  },
  {
    name: 'answers 503',
    tells: /media server cannot be used/,
    begin: () => proxy.answer(503),
    end: () => proxy.answer(null),
  },
  {
    name: 'is killed and started again',
    tells: /media server cannot be used/,
    begin: () => livekit.kill(),
    end: () => livekit.start(),
  },
  {
    name: 'has another key',
    tells: /media server does not accept LIVEKIT_API_KEY and LIVEKIT_API_SECRET/,
    begin: async () => {
      const other = await startLivekit();
      others.push(other);
      proxy.setTarget(portOf(other));
    },
    end: async () => {
      proxy.setTarget(portOf(livekit));
    },
  },
];

describe('LiveKit in a talk', () => {
  test.each(faults)('$name: quick answers, one line, and talks again soon after', async (fault) => {
    const [talking, free] = [await newGroup(neda), await newGroup(neda)];
    const [alice, bob] = [await scene.person(neda, 'alice'), await scene.person(neda, 'bob')];
    for (const groupId of [talking, free]) {
      await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
      await bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    }
    const { talkId } = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: talking });
    const [saidBefore, faultyFrom] = [neda.process.output.length, performance.now()];

    await fault.begin();
    try {
      // The first ones may have to find it out; then nobody waits, and LiveKit is left alone.
      await until(
        async () => {
          expect(await ask(bob.client, free)).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
          return complaints(saidBefore).length > 0;
        },
        { limitMs: 10_000, describe: () => neda.process.output },
      );
      const before = calls();
      const answers = await Promise.all(Array.from({ length: 20 }, () => ask(bob.client, free)));
      for (const answer of answers) expect(answer).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
      expect(calls()).toBe(before);

      await until(async () => (await neda.rest.request('GET', '/readyz')).status === 200, {
        limitMs: ANSWER_LIMIT_MS,
        describe: () => 'the server says that it is ready',
      });
      expect(await livekitHealth()).toMatchObject(down);

      // Who comes is let in, sees who talks, and has a token for when LiveKit is back.
      const carol = await scene.person(neda, 'carol');
      const joined = await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: talking }, ANSWER_LIMIT_MS);
      expect(joined).toMatchObject({ media: { kind: 'livekit' }, floor: { state: 'taken', talkId, mine: false } });
      await bob.client.waitFor(
        (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message).includes(carol.tokens.user.id),
        { limitMs: ANSWER_LIMIT_MS },
      );
      const path = `/api/v1/groups/${talking}/media-token`;
      await neda.rest.expect(200, 'POST', path, { token: bob.tokens.accessToken });

      // The talk goes on, and ends when its talker lets go.
      const again = await ask(alice.client, talking);
      expect(again).toMatchObject({ type: 'TALK_GRANTED', talkId });
      const letGo = { groupId: talking, talkId };
      expect(await alice.client.request('RELEASE_TALK', letGo, ANSWER_LIMIT_MS)).toMatchObject({ released: true });
      const ended = await bob.client.waitForType('TALK_ENDED', { groupId: talking, limitMs: ANSWER_LIMIT_MS });
      expect(ended).toMatchObject({ talkId, cause: 'released' });
    } finally {
      await fault.end();
    }

    await untilGranted(bob.client, free);
    await untilGranted(bob.client, talking);
    await until(async () => JSON.stringify(await livekitHealth()).includes('"livekit":{"status":"ok"}'), {
      limitMs: BACK_LIMIT_MS,
      describe: () => 'health says that LiveKit is there',
    });
    await until(() => complaints(saidBefore).length > 1, { limitMs: 15_000, describe: () => neda.process.output });
    const said = complaints(saidBefore);
    expect(said).toEqual([expect.stringMatching(fault.tells), expect.stringMatching(/media server can be used again/)]);
    expect(said.join('\n')).not.toContain('eyJ');
    console.log(`${fault.name}: ${Math.round(performance.now() - faultyFrom)} ms`);
  });
});

describe('talkers over LiveKit and over their sockets', () => {
  let there: Neda;
  const guests: Guest[] = [];

  beforeAll(async () => {
    there = await startNeda(options());
  });
  afterEach(async () => {
    await Promise.all(guests.splice(0).map((guest) => guest.leave()));
  });
  afterAll(async () => {
    await there[Symbol.asyncDispose]();
  });

  /** Alice is the manager. Two of them have audio, each on another process; the third is in LiveKit's room too. */
  async function mixed(inRoom: 'alice' | 'bob') {
    const groupId = await newGroup(neda);
    const overLivekit = await scene.person(neda, inRoom);
    await overLivekit.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const media = await enterRoom(groupId, overLivekit.tokens.accessToken);
    const overSocket = await scene.person(there, inRoom === 'alice' ? 'bob' : 'alice');
    const listener = await scene.person(neda, 'carol');
    for (const { client } of [overSocket, listener]) await joinWithAudio(client, groupId);
    const mayPublish = async (): Promise<boolean | undefined> =>
      (await permissionOf(livekit, media.room, media.identity)).canPublish;
    return { groupId, media, mayPublish, overLivekit, overSocket, listener };
  }

  async function enterRoom(groupId: string, token: string) {
    const path = `/api/v1/groups/${groupId}/media-token`;
    const media = mediaSchema.parse(await neda.rest.expect(200, 'POST', path, { token }));
    if (media.kind !== 'livekit') throw new Error('no LiveKit');
    guests.push(await joinRoom(media));
    return media;
  }

  test('who talks over his socket is silent before the right is given to whoever pre-empts him', async () => {
    const { groupId, media, mayPublish, overLivekit, overSocket, listener } = await mixed('alice');
    const streamId = await press(overSocket.client, groupId);
    const speaking = speak(overSocket.client, { streamId, count: 200, everyMs: 20 });
    await untilHeard(listener.client, streamId, 10);
    proxy.setDelay(700);
    try {
      const before = callsAbout(media.identity);
      const asked = overLivekit.client.send('REQUEST_TALK', { groupId, emergency: true });
      await until(() => callsAbout(media.identity) > before, {
        limitMs: ANSWER_LIMIT_MS,
        describe: () => 'it is called',
      });
      // What was on its way to the listener has come.
      await listener.client.settled();
      await listener.client.settled();
      const heard = numbersOf(listener.client, streamId);
      expect(await mayPublish()).toBe(false);
      expect((await overLivekit.client.answerTo(asked)).type).toBe('TALK_GRANTED');
      expect(await mayPublish()).toBe(true);
      await speaking;
      await overSocket.client.settled();
      expect(await overSocket.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({ cause: 'preempted' });
      expect(numbersOf(listener.client, streamId)).toEqual(heard);
    } finally {
      proxy.setDelay(0);
    }
    await overLivekit.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
  });

  test('who talks over his socket is heard on when the right cannot be given', async () => {
    const { groupId, mayPublish, overLivekit, overSocket, listener } = await mixed('alice');
    const streamId = await press(overSocket.client, groupId);
    const speaking = speak(overSocket.client, { streamId, count: 150, everyMs: 20 });
    await untilHeard(listener.client, streamId, 10);
    proxy.answer(503);
    try {
      const denied = await overLivekit.client.request('REQUEST_TALK', { groupId, emergency: true }, ANSWER_LIMIT_MS);
      expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
    } finally {
      proxy.answer(null);
    }
    await speaking;
    await untilHeard(listener.client, streamId, 149);
    // As long as a reservation lives, 2.5 s, would be 125 of them.
    expect(numbersOf(listener.client, streamId).length).toBeGreaterThan(100);
    expect(overSocket.client.messages('TALK_REVOKED')).toEqual([]);
    expect(await mayPublish()).toBe(false);
    await letGo(overSocket.client, groupId);
    await untilGranted(overLivekit.client, groupId);
  });

  test('who talks over LiveKit has lost his right before somebody is heard over his socket', async () => {
    const { groupId, mayPublish, overLivekit, overSocket, listener } = await mixed('bob');
    await overLivekit.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(await mayPublish()).toBe(true);
    // Not while he cannot be silenced: his talk goes on.
    await proxy.refuse();
    const emergency = { groupId, emergency: true };
    const denied = await overSocket.client.request('REQUEST_TALK', emergency, ANSWER_LIMIT_MS);
    await proxy.listen();
    expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
    expect(overLivekit.client.messages('TALK_REVOKED')).toEqual([]);
    const granted = await until(
      async () => {
        const answer = await overSocket.client.request('REQUEST_TALK', emergency, ANSWER_LIMIT_MS);
        // Nobody has two rights at once: at the first grant the other's right is gone.
        return answer.type === 'TALK_GRANTED' ? { answer, other: await mayPublish() } : undefined;
      },
      { limitMs: BACK_LIMIT_MS, everyMs: 100, describe: () => overSocket.client.describe() },
    );
    expect(granted.other).toBe(false);
    expect(await overLivekit.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({ cause: 'preempted' });
    const streamId = Number(granted.answer['streamId']);
    for (const number of numbers(0, 20)) sendPacket(overSocket.client, streamId, number);
    await untilHeard(listener.client, streamId, 19);
    expect(await mayPublish()).toBe(false);
    await letGo(overSocket.client, groupId);
  });

  test('who began over his socket and is back without audio gets no right, and loses the floor in silence', async () => {
    const { groupId, overSocket, listener } = await mixed('bob');
    const streamId = await press(overSocket.client, groupId);
    sendPacket(overSocket.client, streamId, 0);
    await untilHeard(listener.client, streamId, 0);
    overSocket.client.terminate();
    // On another process, which has never seen the talk.
    const back = await WsClient.signIn(neda.origin, overSocket.tokens.accessToken);
    scene.keep(back);
    const media = await enterRoom(groupId, overSocket.tokens.accessToken);
    const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    expect(joined['floor']).toMatchObject({ mine: true, streamId });
    const again = await back.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(again).toMatchObject({ streamId, media: { kind: 'relay' } });
    const revoked = await back.waitForType('TALK_REVOKED', { groupId, limitMs: 10_000 });
    expect(revoked['cause']).toBe('media_failed');
    expect((await permissionOf(livekit, media.room, media.identity)).canPublish).toBe(false);
  });

  test('who began over LiveKit and joins with audio in his talk has one voice, the one in LiveKit', async () => {
    const { groupId, mayPublish, overLivekit, listener } = await mixed('bob');
    const granted = await overLivekit.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const streamId = Number(granted['streamId']);
    await joinWithAudio(overLivekit.client, groupId);
    for (const number of numbers(0, 20)) sendPacket(overLivekit.client, streamId, number);
    const again = await overLivekit.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(again).toMatchObject({ streamId, media: { kind: 'livekit' } });
    expect(await mayPublish()).toBe(true);

    overLivekit.client.terminate();
    const back = await WsClient.signIn(there.origin, overLivekit.tokens.accessToken);
    scene.keep(back);
    await joinWithAudio(back, groupId);
    for (const number of numbers(20, 20)) sendPacket(back, streamId, number);
    const elsewhere = await back.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(elsewhere).toMatchObject({ streamId, media: { kind: 'livekit' } });
    await letGo(back, groupId);
    await listener.client.waitForType('TALK_ENDED', { groupId });
    expect(numbersOf(listener.client, streamId)).toEqual([]);

    // The next talk is one over his socket.
    const next = await press(back, groupId);
    sendPacket(back, next, 0);
    await untilHeard(listener.client, next, 0);
    expect(await mayPublish()).toBe(false);
    await letGo(back, groupId);
  });

  test('a right that LiveKit was never asked for keeps nobody from talking over his socket', async () => {
    const { groupId, overLivekit, overSocket, listener } = await mixed('bob');
    await proxy.refuse();
    try {
      const denied = await ask(overLivekit.client, groupId);
      expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
      const streamId = await press(overSocket.client, groupId);
      sendPacket(overSocket.client, streamId, 0);
      await untilHeard(listener.client, streamId, 0);
      await letGo(overSocket.client, groupId);
    } finally {
      await proxy.listen();
    }
    await untilGranted(overLivekit.client, groupId);
  });
});

describe('while LiveKit cannot be asked', () => {
  test('a talk outlives its lease, and nobody takes it over without the right', async () => {
    const groupId = await newGroup(neda);
    const [alice, bob] = [await scene.person(neda, 'alice'), await scene.person(neda, 'bob')];
    for (const { client } of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const { talkId } = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    proxy.setDelay(5_000);
    const faultyFrom = performance.now();
    try {
      const emergency = { groupId, emergency: true };
      const denied = await alice.client.request('REQUEST_TALK', emergency, ANSWER_LIMIT_MS);
      expect(denied).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
      await until(() => performance.now() - faultyFrom > LEASE_MS + 1_000, {
        limitMs: LEASE_MS * 2,
        describe: () => 'the lease would be over',
      });
      expect(bob.client.messages('TALK_REVOKED')).toEqual([]);
      expect(alice.client.messages('TALK_ENDED')).toEqual([]);
      expect(await ask(bob.client, groupId)).toMatchObject({ type: 'TALK_GRANTED', talkId });
      // An administrator can end it all the same.
      const admin = await neda.rest.login('admin');
      using watch = new StandstillWatch();
      const askedAtMs = performance.now();
      await neda.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}/floor`, { token: admin.accessToken });
      expect(performance.now() - askedAtMs - watch.between(askedAtMs)).toBeLessThan(ANSWER_LIMIT_MS);
      await bob.client.waitForType('TALK_REVOKED', { groupId, limitMs: ANSWER_LIMIT_MS });
    } finally {
      proxy.setDelay(0);
    }
    await untilGranted(alice.client, groupId);
  });

  test.each(['released', 'lost'])('a right whose talk was %s is withdrawn when it can be', async (how) => {
    const groupId = await newGroup(neda);
    const [alice, bob] = [await scene.person(neda, 'alice'), await scene.person(neda, 'bob')];
    for (const { client } of [alice, bob]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const path = `/api/v1/groups/${groupId}/media-token`;
    const media = mediaSchema.parse(await neda.rest.expect(200, 'POST', path, { token: alice.tokens.accessToken }));
    if (media.kind !== 'livekit') throw new Error('no LiveKit');
    const guest = await joinRoom(media);
    try {
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      expect(await permissionOf(livekit, media.room, media.identity)).toMatchObject({ canPublish: true });
      await proxy.refuse();
      if (how === 'released') await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      else alice.client.terminate();
      await bob.client.waitForType('TALK_ENDED', { groupId });
      expect(await ask(bob.client, groupId)).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
      expect(await permissionOf(livekit, media.room, media.identity)).toMatchObject({ canPublish: true });
      await proxy.listen();
      await until(async () => !(await permissionOf(livekit, media.room, media.identity)).canPublish, {
        limitMs: BACK_LIMIT_MS,
        describe: () => `the right is withdrawn: ${neda.process.output}`,
      });
    } finally {
      await guest.leave();
    }
    await untilGranted(bob.client, groupId);
  });

  test('a server starts, says so once, and asks LiveKit no more than it must', async () => {
    const early = await startNeda({
      databaseUrl: database.url,
      redisUrl: redis.url,
      livekit: { ...livekit.env, LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}` },
      env: { KEY_PREFIX: 'early-' },
    });
    try {
      await early.process.untilOutput(/media server cannot be used/, 15_000);
      const { client } = await new TalkScene({ here: early, there: early, close: async () => undefined }).person(
        early,
        'alice',
      );
      const { id } = await early.rest.groupNamed((await early.rest.login('alice')).accessToken, 'Team');
      await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: id });
      for (let asked = 0; asked < 10; asked += 1) {
        expect(await ask(client, id)).toMatchObject({ type: 'TALK_DENIED', cause: 'media_unavailable' });
      }
      client.terminate();
      expect(early.process.output.split('media server').length - 1).toBe(1);
    } finally {
      await early[Symbol.asyncDispose]();
    }
  });
});
