/**
 * Work of one connection in lanes, one a group: in a lane each piece starts when the one before has settled,
 * lanes go on side by side. A lane exists only while something in it has not settled.
 */
export class GroupLanes<Work> {
  readonly #start: (work: Work) => Promise<void> | void;
  /** What waits, by lane; null while nothing runs, as an idle connection should cost nothing. */
  #lanes: Map<string, Work[]> | null = null;
  #waiting = 0;

  /** `start` must not throw, and what it returns must not reject. */
  constructor(start: (work: Work) => Promise<void> | void) {
    this.#start = start;
  }

  /** Pieces of work that have not started. */
  get waiting(): number {
    return this.#waiting;
  }

  add(lane: string, work: Work): void {
    const queue = this.#lanes?.get(lane);
    if (queue) {
      queue.push(work);
      this.#waiting += 1;
      return;
    }
    const running = this.#start(work);
    if (running) this.#occupy(lane, running);
  }

  /** Drops what has not started. */
  clear(): void {
    for (const queue of this.#lanes?.values() ?? []) queue.length = 0;
    this.#waiting = 0;
  }

  #occupy(lane: string, running: Promise<void>): void {
    this.#lanes ??= new Map();
    if (!this.#lanes.has(lane)) this.#lanes.set(lane, []);
    void running.then(() => this.#continue(lane));
  }

  #continue(lane: string): void {
    for (;;) {
      const work = this.#lanes?.get(lane)?.shift();
      if (work === undefined) break;
      this.#waiting -= 1;
      const running = this.#start(work);
      if (running) {
        this.#occupy(lane, running);
        return;
      }
    }
    this.#lanes?.delete(lane);
    if (this.#lanes?.size === 0) this.#lanes = null;
  }
}
