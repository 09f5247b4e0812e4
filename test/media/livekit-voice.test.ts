import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AudioSource as RtcAudioSource } from '@livekit/rtc-node';
import { v7 as uuidV7 } from 'uuid';
import { afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import { Recording } from '../../clients/headless/audio/recording.ts';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { media as mediaSchema } from '../../clients/headless/messages.ts';
import { StandstillWatch } from '../../clients/headless/standstill.ts';
import { LivekitVoice } from '../../clients/headless/voice/livekit-voice.ts';
import { mediaIdentity, type MediaServer } from '../../src/realtime/media/index.ts';
import { until } from '../_support/until.ts';
import { AdapterBench, BUDGET_MS } from './adapter-bench.ts';
import { CountingSource } from './counting-source.ts';

/** Measured: 5–60 ms. */
const SILENCE_LIMIT_MS = 400;

const bench = AdapterBench.use();
const voices: LivekitVoice[] = [];
const watch = new StandstillWatch();
let sentence: Pcm;
let server: MediaServer;
let microphone: CountingSource;
let heard: Recording;

beforeAll(async () => {
  sentence = readWav(await readFile(join(import.meta.dirname, '../../clients/headless/speech/north-gate.wav')));
});

beforeEach(() => {
  server = bench().mediaServer();
  microphone = new CountingSource(sentence);
  heard = new Recording();
});

afterEach(async () => {
  await Promise.all(voices.splice(0).map((voice) => voice.close()));
});

async function enter(identity: string): Promise<LivekitVoice> {
  const media = mediaSchema.parse(await server.listenDescription(bench().groupId, identity));
  if (media.kind !== 'livekit') throw new Error('no LiveKit');
  const voice = LivekitVoice.join(media, { microphone, loudspeaker: heard });
  voices.push(voice);
  return voice;
}

/** A talker and a listener, both in the room. */
async function talkerAndListener(): Promise<LivekitVoice> {
  const talker = await enter(bench().identity);
  const listener = await enter(mediaIdentity(uuidV7(), uuidV7()));
  await Promise.all([talker.joined, listener.joined]);
  return talker;
}

async function grant() {
  const media = await server.publishDescription(bench().groupId, bench().identity);
  return { media: mediaSchema.parse(media), streamId: 1 };
}

async function allow(): Promise<void> {
  await server.allowSpeaking(bench().groupId, bench().identity, BUDGET_MS);
}

async function untilAudible(sinceMs: number): Promise<number> {
  return until(() => heard.firstAudibleAfter(sinceMs), { limitMs: 15_000, describe: () => 'something is heard' });
}

/** Something was heard, and nothing later than the limit after its end. */
function expectSilence(endedAtMs: number): void {
  const lastAtMs = heard.lastAudible() ?? Number.POSITIVE_INFINITY;
  expect(lastAtMs - watch.between(endedAtMs, lastAtMs)).toBeLessThan(endedAtMs + SILENCE_LIMIT_MS);
}

describe('voice over LiveKit', () => {
  test('a sentence spoken after the go-ahead is heard whole, from the talker alone', async () => {
    const talker = await talkerAndListener();
    await allow();
    const fromMs = performance.now();
    await talker.startTalk(await grant());
    const spoken = microphone.speak();
    await untilAudible(fromMs);
    await spoken;
    await microphone.untilTaken(300);
    const found = findSentence(heard.between(fromMs), sentence);
    expect(found.likeness).toBeGreaterThan(SAME_SENTENCE);
    expect(Math.abs(found.levelDb)).toBeLessThan(6);
    expect(heard.talkers()).toEqual(new Set([bench().identity]));
  });

  test('a talker who goes on after his right was withdrawn is not heard, and can talk again', async () => {
    const talker = await talkerAndListener();
    for (const _talk of [1, 2]) {
      await allow();
      const fromMs = performance.now();
      void microphone.speakOn();
      await talker.startTalk(await grant());
      await untilAudible(fromMs);
      const withdrawnAtMs = performance.now();
      await server.withdrawSpeaking(bench().groupId, bench().identity, BUDGET_MS);
      await microphone.untilTaken(2 * SILENCE_LIMIT_MS);
      expectSilence(withdrawnAtMs);
      await talker.stopTalk();
    }
  });

  test('a talker who stops is silent, and can talk again with the right he still has', async () => {
    const talker = await talkerAndListener();
    await allow();
    for (const _talk of [1, 2]) {
      const fromMs = performance.now();
      void microphone.speakOn();
      await talker.startTalk(await grant());
      await untilAudible(fromMs);
      const stoppedAtMs = performance.now();
      await talker.stopTalk();
      await until(() => performance.now() > stoppedAtMs + 2 * SILENCE_LIMIT_MS, {
        limitMs: 10_000,
        describe: () => 'twice the limit has passed',
      });
      expectSilence(stoppedAtMs);
    }
  });

  test('who is granted the floor before he is in the room joins with the right and is heard', async () => {
    const listener = await enter(mediaIdentity(uuidV7(), uuidV7()));
    await listener.joined;
    const talker = await enter(bench().identity);
    void microphone.speakOn();
    const fromMs = performance.now();
    await talker.startTalk(await grant());
    await untilAudible(fromMs);
    expect(await bench().permission()).toMatchObject({ canPublish: true });
  });

  test('a talk that ends while it starts is never heard', async () => {
    const talker = await talkerAndListener();
    await allow();
    void microphone.speakOn();
    const starting = talker.startTalk(await grant());
    await talker.stopTalk();
    await starting;
    const { tracks } = await bench().participant();
    expect(tracks).toEqual([]);
    expect(heard.lastAudible()).toBeUndefined();
  });

  test('a talker who stops and talks again at once, many times over, can do so each time', async () => {
    const talker = await talkerAndListener();
    await allow();
    void microphone.speakOn();
    for (let talk = 0; talk < 12; talk += 1) {
      await talker.startTalk(await grant());
      await talker.stopTalk();
    }
    const fromMs = performance.now();
    await talker.startTalk(await grant());
    await untilAudible(fromMs);
  });

  test('a talker of whom the library does not take some frames goes on', async () => {
    const talker = await talkerAndListener();
    await allow();
    void microphone.speakOn();
    const capture = vi.spyOn(RtcAudioSource.prototype, 'captureFrame');
    onTestFinished(() => capture.mockRestore());
    for (let frame = 0; frame < 3; frame += 1) {
      capture.mockRejectedValueOnce(new Error('an RtcError occurred: InvalidState - failed to capture frame'));
    }
    const fromMs = performance.now();
    await talker.startTalk(await grant());
    await untilAudible(fromMs);
    capture.mockRejectedValueOnce(new Error('an RtcError occurred: InvalidState - failed to capture frame'));
    await microphone.untilTaken(200);
    await untilAudible(performance.now());
  });
});
