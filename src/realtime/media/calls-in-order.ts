/** The turn of a call did not come in time; it was never made. */
export class TurnMissed extends Error {
  override readonly name = 'TurnMissed';
}

/**
 * Runs asynchronous calls one after the other per key, in the order in which they were asked for. Keys do not wait
 * for each other, and a key costs nothing while no call of it is under way.
 */
export class CallsInOrder {
  readonly #tails = new Map<string, Promise<void>>();

  /**
   * Runs `call` when all earlier calls of `key` have settled, and settles as it does. Rejects with `TurnMissed`,
   * without ever running it, when its turn has not come within `waitMs` milliseconds.
   */
  run<Result>(key: string, waitMs: number, call: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    return new Promise((resolve, reject) => {
      let missed = false;
      const timer = setTimeout(() => {
        missed = true;
        reject(new TurnMissed(`no turn within ${waitMs} ms`));
      }, waitMs);
      const tail = before.then(async () => {
        clearTimeout(timer);
        if (missed) return;
        try {
          resolve(await call());
        } catch (error) {
          reject(error);
        }
      });
      this.#tails.set(key, tail);
      void tail.then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    });
  }

  /** The number of keys with a call under way. */
  get size(): number {
    return this.#tails.size;
  }

  /** Resolves when every call that is under way now has settled. */
  async settled(): Promise<void> {
    await Promise.all(this.#tails.values());
  }
}
