import { type AudioSink, SAMPLE_RATE_HZ } from './ports.ts';
import type { Pcm } from './wav.ts';

/** A received piece of sound and when it came, on the clock of `performance.now()`. */
interface Piece {
  readonly atMs: number;
  readonly talker: string;
  readonly samples: Int16Array;
}

/** −50 dB below full scale: above what a decoder makes of silence, far below speech. */
export const AUDIBLE_RMS = 32_768 * 10 ** (-50 / 20);

/** Keeps everything that was heard, with the time at which it came. */
export class Recording implements AudioSink {
  readonly #pieces: Piece[] = [];

  write(talker: string, samples: Int16Array): void {
    this.#pieces.push({ atMs: performance.now(), talker, samples });
  }

  /** Everything that came from `fromMs` on and before `toMs`, put together without gaps. */
  between(fromMs: number, toMs: number = Number.POSITIVE_INFINITY): Pcm {
    const pieces = this.#pieces.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    const samples = new Int16Array(pieces.reduce((length, piece) => length + piece.samples.length, 0));
    let filled = 0;
    for (const piece of pieces) {
      samples.set(piece.samples, filled);
      filled += piece.samples.length;
    }
    return { sampleRateHz: SAMPLE_RATE_HZ, samples };
  }

  /** When the first audible piece came that arrived after `sinceMs`; undefined when none did. */
  firstAudibleAfter(sinceMs: number): number | undefined {
    return this.#pieces.find((piece) => piece.atMs >= sinceMs && isAudible(piece))?.atMs;
  }

  /** When the last audible piece came; undefined when none did. */
  lastAudible(): number | undefined {
    return this.#pieces.findLast(isAudible)?.atMs;
  }

  /** Everybody of whom something audible came. */
  talkers(): Set<string> {
    return new Set(this.#pieces.filter(isAudible).map(({ talker }) => talker));
  }
}

function isAudible(piece: Piece): boolean {
  return rms(piece.samples) > AUDIBLE_RMS;
}

/** Root mean square of the samples, 0–32 768; 0 when there are none. */
export function rms(samples: Int16Array): number {
  if (samples.length === 0) return 0;
  let sum = 0;
  for (const sample of samples) sum += sample * sample;
  return Math.sqrt(sum / samples.length);
}
