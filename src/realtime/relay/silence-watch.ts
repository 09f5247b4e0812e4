import { packetLimits } from './packet-guard.ts';

/**
 * T1 of one talk: rings once when nothing came for 4 s. One timer, that is set again when it was early, so that a packet
 * costs no timer.
 */
export class SilenceWatch {
  readonly #nowMs: () => number;
  readonly #ring: () => void;
  #heardAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #isOn = false;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number, ring: () => void) {
    this.#nowMs = nowMs;
    this.#ring = ring;
  }

  /** Begins anew, from now. */
  start(): void {
    this.stop();
    this.#isOn = true;
    this.#heardAtMs = this.#nowMs();
    this.#wait(packetLimits.silenceMs);
  }

  get isOn(): boolean {
    return this.#isOn;
  }

  heard(): void {
    this.#heardAtMs = this.#nowMs();
  }

  stop(): void {
    this.#isOn = false;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #wait(delayMs: number): void {
    this.#timer = setTimeout(() => {
      // After a process was busy its timers come before what it has not read yet: that is read first.
      setImmediate(() => this.#look());
    }, delayMs);
    this.#timer.unref();
  }

  #look(): void {
    if (!this.#isOn) return;
    const leftMs = this.#heardAtMs + packetLimits.silenceMs - this.#nowMs();
    if (leftMs > 0) {
      this.#wait(Math.ceil(leftMs));
      return;
    }
    this.stop();
    this.#ring();
  }
}
