/** The heart of the process beats this often. */
const BEAT_MS = 250;
/** A beat that is late by so much: what waits to be read is old sound. */
const STALL_MS = 1_000;

/**
 * Whether this process reads what has waited for it: it was stopped, or busy, for a second or longer. What it reads
 * until its heart beats in time again has waited, but for a quarter of a second of it.
 */
export class StallWatch {
  readonly #nowMs: () => number;
  #beatAtMs: number;
  #isCatchingUp = false;
  readonly #timer: NodeJS.Timeout;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#beatAtMs = nowMs();
    this.#timer = setInterval(() => this.#beat(), BEAT_MS).unref();
  }

  get isBehind(): boolean {
    return this.#isCatchingUp || this.#isLate;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  /** Sockets are read before timers run: at the first packets after a stall no beat has told of it. */
  get #isLate(): boolean {
    return this.#nowMs() - this.#beatAtMs > BEAT_MS + STALL_MS;
  }

  #beat(): void {
    this.#isCatchingUp = this.#isLate;
    this.#beatAtMs = this.#nowMs();
  }
}
