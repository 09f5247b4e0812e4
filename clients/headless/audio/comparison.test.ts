import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { findSentence, SAME_SENTENCE } from './comparison.ts';
import { type Pcm, readWav, resample } from './wav.ts';

const SPEECH = join(import.meta.dirname, '..', 'speech');
const RATE_HZ = 48_000;
let northGate: Pcm;
let oldBridge: Pcm;

beforeAll(async () => {
  northGate = resample(readWav(await readFile(join(SPEECH, 'north-gate.wav'))), RATE_HZ);
  oldBridge = resample(readWav(await readFile(join(SPEECH, 'old-bridge.wav'))), RATE_HZ);
});

function pcm(samples: Int16Array): Pcm {
  return { sampleRateHz: RATE_HZ, samples };
}

function samplesOf(ms: number): number {
  return (ms / 1000) * RATE_HZ;
}

function delayed(sound: Pcm, ms: number): Pcm {
  const samples = new Int16Array(sound.samples.length + 2 * samplesOf(ms));
  samples.set(sound.samples, samplesOf(ms));
  return pcm(samples);
}

/** White noise from a fixed seed, at an RMS of `level`. */
function noise(length: number, level: number): Int16Array {
  let state = 12_345;
  return Int16Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state / 2 ** 31 - 1) * level * Math.sqrt(3);
  });
}

function withNoise(sound: Pcm, level: number): Pcm {
  const added = noise(sound.samples.length, level);
  return pcm(sound.samples.map((sample, index) => Math.max(-32_768, Math.min(32_767, sample + (added[index] ?? 0)))));
}

function quieter(sound: Pcm, factor: number): Pcm {
  return pcm(sound.samples.map((sample) => sample * factor));
}

describe('a sentence is found', () => {
  test('in itself', () => {
    expect(findSentence(northGate, northGate).likeness).toBeCloseTo(1, 3);
  });

  test('when it comes later, and where', () => {
    const found = findSentence(delayed(northGate, 730), northGate);
    expect(found.likeness).toBeGreaterThan(SAME_SENTENCE);
    expect(found.atMs).toBe(730);
  });

  test('under noise 20 dB below the voice', () => {
    expect(findSentence(withNoise(delayed(northGate, 300), 350), northGate).likeness).toBeGreaterThan(SAME_SENTENCE);
  });

  test('at a tenth of the loudness, and says so', () => {
    const found = findSentence(quieter(northGate, 0.1), northGate);
    expect(found.likeness).toBeGreaterThan(SAME_SENTENCE);
    expect(found.levelDb).toBeCloseTo(-20, 0);
  });

  test('when a jitter buffer has stretched and shortened it by 50 ms here and there', () => {
    const { samples } = northGate;
    const [third, gap] = [Math.floor(samples.length / 3), samplesOf(50)];
    const warped = new Int16Array(samples.length + gap);
    warped.set(samples.subarray(0, third));
    warped.set(samples.subarray(third - gap, 2 * third), third);
    warped.set(samples.subarray(2 * third + gap), 2 * third + gap);
    expect(findSentence(pcm(warped), northGate).likeness).toBeGreaterThan(SAME_SENTENCE);
  });

  test('with 60 ms of its start clipped off', () => {
    expect(findSentence(pcm(northGate.samples.subarray(samplesOf(60))), northGate).likeness).toBeGreaterThan(
      SAME_SENTENCE,
    );
  });
});

describe('a sentence is not found', () => {
  test('in another one of the same voice', () => {
    expect(findSentence(delayed(oldBridge, 300), northGate).likeness).toBeLessThan(SAME_SENTENCE - 0.1);
    expect(findSentence(delayed(northGate, 300), oldBridge).likeness).toBeLessThan(SAME_SENTENCE - 0.1);
  });

  test('in silence', () => {
    expect(findSentence(pcm(new Int16Array(samplesOf(3_000))), northGate).likeness).toBe(0);
  });

  test('in nothing', () => {
    expect(findSentence(pcm(new Int16Array(0)), northGate).likeness).toBe(0);
  });

  test('in noise', () => {
    expect(findSentence(pcm(noise(samplesOf(3_000), 3_000)), northGate).likeness).toBeLessThan(SAME_SENTENCE - 0.2);
  });

  test('when half of it is missing', () => {
    const half = pcm(northGate.samples.subarray(0, northGate.samples.length / 2));
    expect(findSentence(delayed(half, 1_000), northGate).likeness).toBeLessThan(SAME_SENTENCE);
  });

  test('when 300 ms of its start are clipped off', () => {
    const clipped = pcm(northGate.samples.subarray(samplesOf(300)));
    expect(findSentence(clipped, northGate).likeness).toBeLessThan(SAME_SENTENCE);
  });

  test('when it is spoken backwards', () => {
    expect(findSentence(pcm(northGate.samples.toReversed()), northGate).likeness).toBeLessThan(SAME_SENTENCE - 0.1);
  });
});
