import { type AudioSource, SAMPLE_RATE_HZ } from './ports.ts';
import { type Pcm, resample } from './wav.ts';

/** A microphone in front of which a sentence is spoken, as often as asked for. Silent otherwise. */
export class SpeechSource implements AudioSource {
  readonly #sentence: Int16Array;
  #position: number;
  #speaking: { readonly again: boolean; readonly spoken: () => void } | undefined;

  constructor(sentence: Pcm) {
    this.#sentence = resample(sentence, SAMPLE_RATE_HZ).samples;
    this.#position = this.#sentence.length;
  }

  /** Speaks the sentence once, from its start. Resolves when the transport has taken all of it. */
  speak(): Promise<void> {
    return this.#start(false);
  }

  /** Speaks the sentence again and again until `hush`. Resolves when the transport has taken it once. */
  speakOn(): Promise<void> {
    return this.#start(true);
  }

  hush(): void {
    this.#position = this.#sentence.length;
    this.#speaking = undefined;
  }

  read(count: number): Int16Array {
    const samples = new Int16Array(count);
    for (let filled = 0; filled < count && this.#speaking !== undefined;) {
      const piece = this.#sentence.subarray(this.#position, this.#position + count - filled);
      samples.set(piece, filled);
      filled += piece.length;
      this.#position += piece.length;
      if (this.#position < this.#sentence.length) continue;
      this.#speaking.spoken();
      if (this.#speaking.again) this.#position = 0;
      else this.#speaking = undefined;
    }
    return samples;
  }

  #start(again: boolean): Promise<void> {
    if (this.#sentence.length === 0) throw new Error('there is nothing to say');
    this.#position = 0;
    return new Promise((resolve) => {
      this.#speaking = { again, spoken: resolve };
    });
  }
}
