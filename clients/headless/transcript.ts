/** One thing that happened. */
export interface Happening {
  /** On the clock of `performance.now()`. */
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
}

/** What several clients saw and did, in one order and on one clock. */
export class Transcript {
  readonly happenings: Happening[] = [];
  readonly #startedAtMs = performance.now();
  readonly #write: (line: string) => void;

  /** `write` gets each line as soon as it happens. */
  constructor(write: (line: string) => void = () => undefined) {
    this.#write = write;
  }

  /** Notes that `who` did or saw something, now or at `atMs`. */
  note(who: string, what: string, atMs: number = performance.now()): void {
    this.happenings.push({ atMs, who, what });
    const time = `${((atMs - this.#startedAtMs) / 1000).toFixed(3)} s`;
    this.#write(`${time.padStart(10)}  ${who.padEnd(8)}${what}`);
  }
}

export function milliseconds(durationMs: number): string {
  return `${Math.round(durationMs)} ms`;
}
