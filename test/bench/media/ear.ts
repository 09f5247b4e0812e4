import { type AudioSink, type AudioSource, SAMPLE_RATE_HZ } from '../../../clients/headless/audio/ports.ts';
import { AUDIBLE_RMS, rms } from '../../../clients/headless/audio/recording.ts';

/** A pure tone far above what counts as audible, far below full scale. */
const TONE_HZ = 440;
const TONE_PEAK = 8_000;

/** Knows when something audible came, and keeps nothing else. Times are of `performance.now()`. */
export class Ear implements AudioSink {
  #audibleAtMs: number[] = [];

  write(_talker: string, samples: Int16Array): void {
    if (rms(samples) > AUDIBLE_RMS) this.#audibleAtMs.push(performance.now());
  }

  /** The first audible piece that came after `sinceMs`. */
  firstAfter(sinceMs: number): number | undefined {
    return this.#audibleAtMs.find((atMs) => atMs >= sinceMs);
  }

  /** The last audible piece so far. */
  last(): number | undefined {
    return this.#audibleAtMs.at(-1);
  }

  forget(): void {
    this.#audibleAtMs = [];
  }
}

/** A microphone in front of a whistle that is blown, or not. */
export class Whistle implements AudioSource {
  #phase = 0;
  #isBlown = false;
  #firstTaken: PromiseWithResolvers<number> | null = null;

  /** Resolves with the moment in which the transport took the first of the tone. */
  blow(): Promise<number> {
    this.#isBlown = true;
    this.#firstTaken = Promise.withResolvers<number>();
    return this.#firstTaken.promise;
  }

  hush(): void {
    this.#isBlown = false;
    this.#firstTaken = null;
  }

  read(count: number): Int16Array {
    if (!this.#isBlown) return new Int16Array(count);
    this.#firstTaken?.resolve(performance.now());
    this.#firstTaken = null;
    return Int16Array.from({ length: count }, () => {
      this.#phase += (2 * Math.PI * TONE_HZ) / SAMPLE_RATE_HZ;
      return TONE_PEAK * Math.sin(this.#phase);
    });
  }
}
