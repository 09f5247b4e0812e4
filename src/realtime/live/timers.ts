/** One timer that is set anew whenever something becomes due earlier or later; it does not keep the process alive. */
export class Alarm {
  readonly #ring: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(ring: () => void) {
    this.#ring = ring;
  }

  /** Rings once, `delayMs` from now; null: not at all. Replaces what was set. */
  set(delayMs: number | null): void {
    this.clear();
    if (delayMs === null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#ring();
    }, delayMs);
    this.#timer.unref();
  }

  /** Whether it is set. */
  get pending(): boolean {
    return this.#timer !== null;
  }

  clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}
