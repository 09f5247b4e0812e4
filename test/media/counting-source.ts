import { SAMPLE_RATE_HZ } from '../../clients/headless/audio/ports.ts';
import { SpeechSource } from '../../clients/headless/audio/speech-source.ts';
import { until } from '../_support/until.ts';

/** A microphone that knows how much was taken from it: the clock of a talker who goes on talking. */
export class CountingSource extends SpeechSource {
  #taken = 0;

  override read(count: number): Int16Array {
    this.#taken += count;
    return super.read(count);
  }

  /** Waits until so much more sound was taken, which takes as long as it lasts. */
  async untilTaken(ms: number): Promise<void> {
    const target = this.#taken + (ms / 1000) * SAMPLE_RATE_HZ;
    await until(() => this.#taken >= target, {
      limitMs: ms + 30_000,
      describe: () => `the transport takes ${ms} ms of sound`,
    });
  }
}
