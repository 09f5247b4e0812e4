import { rms } from './recording.ts';
import { type Pcm, resample } from './wav.ts';

/**
 * Does a recording hold a sentence? Both are turned into the energies of speech's frequency bands over time, as
 * decibels, and the sentence is slid along the recording. What a codec, a jitter buffer and added noise change is
 * little beside what tells two sentences of one voice apart.
 */

const RATE_HZ = 48_000;
const STEP_MS = 10;
const STEP_SAMPLES = (RATE_HZ * STEP_MS) / 1000;
const BANDS_HZ = [200, 300, 430, 600, 800, 1050, 1350, 1750, 2250, 2900, 3700, 4700, 6000];
/** Ratio of a band's centre to its width. */
const QUALITY = 3.5;
/** Energies are cut off this far below the loudest, so that noise in pauses does not count as likeness or difference. */
const RANGE_DB = 35;
/** So much of the sentence may lie before the start or behind the end of the recording. */
const OVERHANG_STEPS = 10;
/** The sentence is compared in pieces of about this length, each of which may come this much earlier or later. */
const PIECE_STEPS = 30;
const STRETCH_STEPS = 16;

/** From here on a recording holds the sentence. The tests show how far true and false ones keep from it. */
export const SAME_SENTENCE = 0.75;

export interface Comparison {
  /** 1 = the same sound, 0 = nothing in common; the best over all places. */
  readonly likeness: number;
  /** Where in the recording the sentence begins, in milliseconds. */
  readonly atMs: number;
  /** Loudness of the recording there minus that of the sentence, in decibels. */
  readonly levelDb: number;
}

/** Looks for `sentence` in `recording`, at every place. */
export function findSentence(recording: Pcm, sentence: Pcm): Comparison {
  const wanted = bandEnergies(sentence);
  const heard = bandEnergies(recording);
  const step = bestPlace(wanted, heard, -OVERHANG_STEPS, heard.length - wanted.length + OVERHANG_STEPS).step;
  const atMs = step * STEP_MS;
  const lengthMs = wanted.length * STEP_MS;
  return {
    likeness: piecewiseLikeness(wanted, heard, step),
    atMs,
    levelDb: loudness(recording, atMs, lengthMs) - loudness(sentence, 0, lengthMs),
  };
}

type Energies = readonly (readonly number[])[];

/**
 * The mean likeness of the pieces of the sentence, each at its best place near the one expected: a jitter buffer
 * stretches and shortens sound by some ten milliseconds here and there.
 */
function piecewiseLikeness(wanted: Energies, heard: Energies, start: number): number {
  const pieces = Math.max(1, Math.floor(wanted.length / PIECE_STEPS));
  let sum = 0;
  let expected = start;
  for (let piece = 0; piece < pieces; piece += 1) {
    const from = Math.round((piece * wanted.length) / pieces);
    const to = Math.round(((piece + 1) * wanted.length) / pieces);
    const centre = expected + from;
    const best = bestPlace(wanted.slice(from, to), heard, centre - STRETCH_STEPS, centre + STRETCH_STEPS);
    sum += best.likeness * (to - from);
    expected = best.step - from;
  }
  return wanted.length === 0 ? 0 : sum / wanted.length;
}

/** Where in `heard`, from step `first` to step `last`, it is most like `wanted`; beyond its ends there is silence. */
function bestPlace(wanted: Energies, heard: Energies, first: number, last: number) {
  let best = { likeness: 0, step: first };
  for (let step = first; step <= last; step += 1) {
    const window = Array.from(wanted, (_, index) => heard[step + index] ?? SILENT);
    const likeness = correlation(wanted, window);
    if (likeness > best.likeness) best = { likeness, step };
  }
  return best;
}

const SILENT: readonly number[] = BANDS_HZ.map(() => 0);

/** Per step, the level of each band in decibels above the cut-off; 0 at and below it. */
function bandEnergies(pcm: Pcm): Energies {
  const samples = resample(pcm, RATE_HZ).samples;
  const steps = Math.floor(samples.length / STEP_SAMPLES);
  const bands = BANDS_HZ.map((centreHz) => stepEnergies(bandPass(samples, centreHz), steps));
  const loudest = Math.max(1, ...bands.flat());
  const floor = loudest / 10 ** (RANGE_DB / 10);
  return Array.from({ length: steps }, (_, step) =>
    bands.map((energies) => 10 * Math.log10(Math.max(energies[step] ?? 0, floor) / floor)),
  );
}

/** The band-pass of R. Bristow-Johnson's "Audio EQ Cookbook", constant 0 dB peak gain. */
function bandPass(samples: Int16Array, centreHz: number): Float64Array {
  const angle = (2 * Math.PI * centreHz) / RATE_HZ;
  const alpha = Math.sin(angle) / (2 * QUALITY);
  const gain = alpha / (1 + alpha);
  const a1 = (-2 * Math.cos(angle)) / (1 + alpha);
  const a2 = (1 - alpha) / (1 + alpha);
  const out = new Float64Array(samples.length);
  let [x1, x2, y1, y2] = [0, 0, 0, 0];
  samples.forEach((x, index) => {
    const y = gain * (x - x2) - a1 * y1 - a2 * y2;
    [x2, x1, y2, y1] = [x1, x, y1, y];
    out[index] = y;
  });
  return out;
}

function stepEnergies(samples: Float64Array, steps: number): number[] {
  return Array.from({ length: steps }, (_, step) => {
    let sum = 0;
    for (const sample of samples.subarray(step * STEP_SAMPLES, (step + 1) * STEP_SAMPLES)) sum += sample * sample;
    return sum / STEP_SAMPLES;
  });
}

/** Pearson's correlation over all steps, each band about its own mean: the shape in time counts, not the colour. */
function correlation(wanted: Energies, heard: Energies): number {
  let [both, wantedOnly, heardOnly] = [0, 0, 0];
  for (const band of BANDS_HZ.keys()) {
    const wantedMean = meanOf(wanted, band);
    const heardMean = meanOf(heard, band);
    for (const [step, energies] of wanted.entries()) {
      const x = (energies[band] ?? 0) - wantedMean;
      const y = (heard[step]?.[band] ?? 0) - heardMean;
      both += x * y;
      wantedOnly += x * x;
      heardOnly += y * y;
    }
  }
  const scale = Math.sqrt(wantedOnly * heardOnly);
  return scale === 0 ? 0 : both / scale;
}

function meanOf(energies: Energies, band: number): number {
  return energies.reduce((sum, bands) => sum + (bands[band] ?? 0), 0) / energies.length;
}

/** Decibels relative to full scale. */
function loudness(pcm: Pcm, fromMs: number, lengthMs: number): number {
  const from = Math.max(0, Math.round((fromMs / 1000) * pcm.sampleRateHz));
  const to = Math.round(((fromMs + lengthMs) / 1000) * pcm.sampleRateHz);
  return 20 * Math.log10(Math.max(1, rms(pcm.samples.subarray(from, to))) / 32_768);
}
