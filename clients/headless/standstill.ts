const TICK_MS = 20;
/** A timer that is later than this was kept waiting by the machine. */
const LATE_MS = 50;

/**
 * Knows for how long this process did not run, alone or with the whole machine: what it hears then it hears late, and
 * nobody is to blame for it. Watches from its making until it is disposed of; keeps no process alive.
 */
export class StandstillWatch implements Disposable {
  readonly #standstills: { readonly fromMs: number; readonly toMs: number }[] = [];
  readonly #timer: NodeJS.Timeout;
  #lastMs = performance.now();

  constructor() {
    this.#timer = setInterval(() => this.#note(), TICK_MS);
    this.#timer.unref();
  }

  /** For how long it stood still between two times of `performance.now()`, in milliseconds. */
  between(fromMs: number, toMs: number = performance.now()): number {
    this.#note();
    return this.#standstills.reduce(
      (sum, each) => sum + Math.max(0, Math.min(toMs, each.toMs) - Math.max(fromMs, each.fromMs)),
      0,
    );
  }

  /** How long ago it last stood still for at least `forMs`, in milliseconds; infinite when it never did. */
  sinceStandstillOf(forMs: number): number {
    this.#note();
    const last = this.#standstills.findLast(({ fromMs, toMs }) => toMs - fromMs >= forMs);
    return performance.now() - (last?.toMs ?? Number.NEGATIVE_INFINITY);
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }

  #note(): void {
    const nowMs = performance.now();
    if (nowMs - this.#lastMs > TICK_MS + LATE_MS) this.#standstills.push({ fromMs: this.#lastMs, toMs: nowMs });
    this.#lastMs = nowMs;
  }
}
