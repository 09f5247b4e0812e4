/** Plays the pieces of sound that the page hands over, one after the other, and says how much is left. */

/** A report about every 10 ms. */
const REPORT_EVERY_BLOCKS = 4;
/** Sound that begins or stops in the middle is faded over this many samples, so that it does not click. */
const FADE_SAMPLES = 96;

class Playback extends AudioWorkletProcessor {
  #pieces: Float32Array[] = [];
  /** How much of the first piece is played. */
  #played = 0;
  #queued = 0;
  #gain = 0;
  #lastSample = 0;
  #blocks = 0;

  constructor() {
    super();
    this.port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (!(data instanceof Float32Array)) return;
      this.#pieces.push(data);
      this.#queued += data.length;
    });
    this.port.start();
  }

  process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const block = output?.[0];
    if (block === undefined) return true;
    for (let index = 0; index < block.length; index += 1) block[index] = this.#nextSample();
    this.#blocks = (this.#blocks + 1) % REPORT_EVERY_BLOCKS;
    if (this.#blocks === 0) this.port.postMessage(this.#queued);
    return true;
  }

  #nextSample(): number {
    const piece = this.#pieces[0];
    if (piece === undefined) {
      this.#gain = Math.max(0, this.#gain - 1 / FADE_SAMPLES);
      return this.#lastSample * this.#gain;
    }
    this.#gain = Math.min(1, this.#gain + 1 / FADE_SAMPLES);
    this.#lastSample = piece[this.#played] ?? 0;
    this.#played += 1;
    this.#queued -= 1;
    if (this.#played === piece.length) {
      this.#pieces.shift();
      this.#played = 0;
    }
    return this.#lastSample * this.#gain;
  }
}

registerProcessor('playback', Playback);
