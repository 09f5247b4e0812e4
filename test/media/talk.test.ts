import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AudioFrame, AudioSource, dispose, LocalAudioTrack, TrackPublishOptions, TrackSource } from '@livekit/rtc-node';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SAMPLE_RATE_HZ } from '../../clients/headless/audio/ports.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { type HeadlessClient, TalkDenied } from '../../clients/headless/client.ts';
import { talkOnce } from '../../clients/headless/exchange.ts';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { Transcript } from '../../clients/headless/transcript.ts';
import { media as mediaSchema } from '../../clients/headless/messages.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';
import { expectSilence, HeadlessPeople, type Person, talkOn } from './headless-people.ts';
import { joinRoom, lookUp } from './room-client.ts';

const PREFIX = 'talk-test-';
/** floor.md: so long a talk survives the loss of its socket. */
const GRACE_MS = 2_000;
/** Several times as long as a talker who may publish needs until he is heard. */
const TRY_MS = 1_500;

let database: TestDatabase;
let redis: TestRedis;
let livekit: TestLivekit;
let here: Neda;
let there: Neda;
let sentence: Pcm;
const people = new HeadlessPeople();
const watch = new StandstillWatch();

beforeAll(async () => {
  sentence = readWav(await readFile(join(import.meta.dirname, '../../clients/headless/speech/north-gate.wav')));
  [database, redis, livekit] = await Promise.all([createDatabase(), startRedis(), startLivekit()]);
  const options = { databaseUrl: database.url, redisUrl: redis.url, livekit: livekit.env, env: { KEY_PREFIX: PREFIX } };
  here = await startNeda(options);
  there = await startNeda(options);
});

afterAll(async () => {
  await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
  await Promise.all([database, redis, livekit].map((server) => server[Symbol.asyncDispose]()));
  await dispose();
});

afterEach(() => people.leave());

function enter(neda: Neda, username: string, options: { readonly disobedient?: boolean } = {}): Promise<Person> {
  return people.enter({ origin: neda.origin, username, sentence, ...options });
}

function mediaOf(client: HeadlessClient) {
  const { media } = client;
  if (media.kind !== 'livekit') throw new Error('no LiveKit');
  return media;
}

describe('who holds the floor', () => {
  test.each([
    ['the same process', () => here],
    ['another process', () => there],
  ])('is heard by a listener on %s, and falls silent when he lets the key go', async (_where, listenersServer) => {
    const talker = await enter(here, 'alice');
    const listener = await enter(listenersServer(), 'bob');
    const outcome = await talkOnce({
      talker: talker.client,
      microphone: talker.microphone,
      sentence,
      listener: listener.client,
      recording: listener.recording,
      transcript: new Transcript(),
    });
    console.log(`${_where}: ${JSON.stringify(outcome)}`);
    expect(outcome.faults).toEqual([]);
    expect(listener.recording.talkers()).toEqual(new Set([mediaOf(talker.client).identity]));
  });

  test('is in a room of the key prefix, by his user and session', async () => {
    const { client } = await enter(here, 'alice');
    const { media } = await client.press();
    const { name, id } = client.group;
    expect(name).toBe('Team');
    expect(media).toMatchObject({
      kind: 'livekit',
      room: `${PREFIX}neda.${id}`,
      identity: `u_${client.user.id}.${client.sessionId}`,
      url: livekit.publicUrl,
    });
    await client.release();
  });

  test('talks again and again, and the other in between', async () => {
    const [alice, bob] = [await enter(here, 'alice'), await enter(there, 'bob')];
    for (const [talker, listener] of [
      [alice, bob],
      [bob, alice],
      [alice, bob],
    ] as const) {
      await talkOn(talker, listener);
      talker.microphone.hush();
      await talker.client.release();
      expect(listener.recording.talkers()).toContain(mediaOf(talker.client).identity);
    }
  });
});

describe('a modified client that goes on sending', () => {
  test('is not heard after it let the floor go', async () => {
    const talker = await enter(here, 'bob', { disobedient: true });
    const listener = await enter(there, 'alice');
    await talkOn(talker, listener);
    await expectSilence(talker, listener, await talker.client.release(), watch);
  });

  test('is not heard after the manager took the floor away, on another process', async () => {
    const talker = await enter(here, 'bob', { disobedient: true });
    const manager = await enter(there, 'alice');
    await talkOn(talker, manager);
    const revoked = manager.client.signalling.expect('TALK_REVOKE_DONE', {
      type: 'REVOKE_TALK',
      groupId: manager.client.group.id,
    });
    const revokedAtMs = performance.now();
    expect((await revoked).message.revoked).toBe(true);
    await expectSilence(talker, manager, revokedAtMs, watch);
  });

  test('is not heard after the next one was given the floor', async () => {
    const talker = await enter(here, 'bob', { disobedient: true });
    const next = await enter(there, 'alice');
    await talkOn(talker, next);
    await talker.client.release();
    const { grantedAtMs } = await next.client.press();
    await expectSilence(talker, next, grantedAtMs, watch);
    await next.client.release();
  });

  test('is not heard after its socket was gone for the grace', async () => {
    const talker = await enter(here, 'bob', { disobedient: true });
    const listener = await enter(here, 'alice');
    await talkOn(talker, listener);
    const ended = listener.client.signalling.next('TALK_ENDED');
    const cutAtMs = performance.now();
    talker.client.cut();
    const { atMs, message } = await ended;
    expect(message.cause).toBe('lost');
    expect(atMs - cutAtMs).toBeGreaterThan(GRACE_MS - 100);
    await expectSilence(talker, listener, atMs, watch);
  });
});

describe('a modified client without the floor', () => {
  test('cannot publish with its listen token', async () => {
    const listener = await enter(here, 'alice');
    const { accessToken } = await here.rest.login('bob');
    const socket = await WsClient.signIn(here.origin, accessToken);
    const joined = await socket.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: listener.client.group.id });
    const media = mediaSchema.parse(joined['media']);
    if (media.kind !== 'livekit') throw new Error('no LiveKit');
    const { room, leave } = await joinRoom(media);
    const source = new AudioSource(SAMPLE_RATE_HZ, 1, 30);
    const track = LocalAudioTrack.createAudioTrack('microphone', source);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    // The library gives up after 10 s; the end of the room comes first.
    const refusal = room.localParticipant?.publishTrack(track, options).catch((error: unknown) => error);
    const loud = new Int16Array(SAMPLE_RATE_HZ / 100).fill(8_000);
    for (let sentMs = 0; sentMs < TRY_MS; sentMs += 10) {
      await source.captureFrame(new AudioFrame(loud, SAMPLE_RATE_HZ, 1, loud.length));
    }
    expect((await lookUp(livekit, media.room, media.identity))?.tracks).toEqual([]);
    expect(listener.recording.lastAudible()).toBeUndefined();
    await leave();
    expect(await refusal).toBeInstanceOf(Error);
    await socket.close();
    await track.close();
  });
});

describe('without its media server', () => {
  test('nobody is given the floor, and soon after its return everybody can be', async () => {
    const { client } = await enter(here, 'alice');
    await livekit.kill();
    try {
      const pressedAtMs = performance.now();
      const refusal = await client.press().catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(TalkDenied);
      expect(refusal).toHaveProperty('answer.cause', 'media_unavailable');
      expect(performance.now() - pressedAtMs - watch.between(pressedAtMs)).toBeLessThan(2_000);
      await expect(client.signalling.request({ type: 'PING' })).resolves.toBeDefined();
    } finally {
      await livekit.start();
    }
    await until(
      async () => {
        const { message } = await client.signalling.request({ type: 'REQUEST_TALK', groupId: client.group.id });
        return message.type === 'TALK_GRANTED';
      },
      { limitMs: 5_000, describe: () => 'the floor is given again' },
    );
  });
});
