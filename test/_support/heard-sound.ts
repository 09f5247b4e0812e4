import type { Page } from 'playwright-core';
import { findSentence, SAME_SENTENCE } from '../../clients/headless/audio/comparison.ts';
import type { Pcm } from '../../clients/headless/audio/wav.ts';
import { until } from './until.ts';

/** What a page plays, recorded at the loudspeaker from outside: the page knows nothing of it. */

/** Runs in the page before its own script: whatever is connected to a loudspeaker goes to a recorder as well. */
const TAP = `
  const connect = AudioNode.prototype.connect;
  const recorders = new WeakMap();
  globalThis.heardSound = { decode: null, take: null };
  AudioNode.prototype.connect = function (target, ...more) {
    if (target instanceof AudioDestinationNode) connect.call(this, recorderOf(this.context));
    return connect.call(this, target, ...more);
  };
  function recorderOf(context) {
    const known = recorders.get(context);
    if (known !== undefined) return known;
    const tap = context.createMediaStreamDestination();
    recorders.set(context, tap);
    const recorder = new MediaRecorder(tap.stream, { audioBitsPerSecond: 128000 });
    const parts = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    recorder.start();
    heardSound.decode = async () => {
      const written = new Promise((resolve) => recorder.addEventListener('dataavailable', resolve, { once: true }));
      recorder.requestData();
      await written;
      const file = await new Blob(parts).arrayBuffer();
      const decoded = await new OfflineAudioContext(1, 1, 48000).decodeAudioData(file);
      return decoded.getChannelData(0);
    };
    heardSound.take = async (sinceMs, lastMs) => {
      const samples = (await heardSound.decode()).slice(sinceMs * 48).slice(-lastMs * 48);
      const pcm = new Uint8Array(samples.length * 2);
      const view = new DataView(pcm.buffer);
      samples.forEach((sample, index) =>
        view.setInt16(index * 2, Math.max(-1, Math.min(1, sample)) * 32767, true));
      let text = '';
      for (let at = 0; at < pcm.length; at += 8192) text += String.fromCharCode(...pcm.subarray(at, at + 8192));
      return btoa(text);
    };
    return tap;
  }
`;

/** To be called before the page is opened. Recording begins when the page starts its sound. */
export async function recordSound(page: Page): Promise<void> {
  await page.addInitScript(TAP);
}

/** So much is looked at: several times a sentence. Milliseconds. */
const LAST_MS = 8_000;

/** How much sound the page has played, silences included. Milliseconds. */
export async function playedMs(page: Page): Promise<number> {
  return page.evaluate<number>('heardSound.decode().then(({ length }) => Math.round(length / 48))');
}

/**
 * What the page has played last, up to now. 48 kHz, mono. Throws when it has not started its sound.
 * @param sinceMs what it had played before that, by `playedMs`, is left out
 */
export async function heardSound(page: Page, sinceMs = 0): Promise<Pcm> {
  const text: unknown = await page.evaluate(`heardSound.take?.(${sinceMs}, ${LAST_MS})`);
  if (typeof text !== 'string') throw new Error('the page has played nothing at all');
  const bytes = Buffer.from(text, 'base64');
  return {
    sampleRateHz: 48_000,
    samples: Int16Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readInt16LE(index * 2)),
  };
}

/** A talk that is held for so long must be heard: a busy machine drops sound now and then. Below the longest talk. */
const HEARD_LIMIT_MS = 50_000;

/**
 * Waits until the page has played the whole sentence, which is said again and again.
 * @param speak says it once more, where the test itself has to: while it compares, it cannot
 */
export async function untilHeard(
  page: Page,
  sentence: Pcm,
  { sinceMs = 0, speak }: { readonly sinceMs?: number; readonly speak?: () => Promise<void> } = {},
): Promise<void> {
  let likeness = 0;
  await until(
    async () => {
      await speak?.();
      ({ likeness } = findSentence(await heardSound(page, sinceMs), sentence));
      return likeness > SAME_SENTENCE;
    },
    {
      limitMs: HEARD_LIMIT_MS,
      everyMs: 500,
      describe: () => `the page plays the sentence; the likeness was ${likeness.toFixed(2)} last`,
    },
  );
}
