/** One timer that is set anew whenever something becomes due earlier or later; it does not keep the process alive. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | null = null;
  /** When the timer goes off, and when the alarm is due: it may have been put off since. Monotonic. */
  #goesOffAtMs = 0;
  #dueAtMs = 0;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings once, `delayMs` from now; null: not at all. Replaces what was set. */
  set(delayMs: number | null): void {
    if (delayMs === null) {
      this.clear();
      return;
    }
    this.#dueAtMs = performance.now() + delayMs;
    // Most alarms are put off again and again: their timer is let run and looks anew.
    if (this.#timer !== null && this.#goesOffAtMs <= this.#dueAtMs) return;
    this.clear();
    this.#start(delayMs);
  }

  /** Whether it is set. */
  get pending(): boolean {
    return this.#timer !== null;
  }

  #start(delayMs: number): void {
    this.#goesOffAtMs = performance.now() + delayMs;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const leftMs = this.#dueAtMs - performance.now();
      if (leftMs > 1) this.#start(leftMs);
      else this.#ring();
    }, delayMs);
    this.#timer.unref();
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
