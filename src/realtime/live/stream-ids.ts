/** Numbers of talks on the wire (protocol.md "Audio over the WebSocket"): 32 bits, none used again within 24 h. */
export interface StreamIds {
  next(): Promise<number>;
}

/** How many numbers a process takes at a time. */
export const STREAM_BLOCK = 1_000;

const STREAM_RANGE = 2 ** 32;

/**
 * Counts within blocks. `takeBlock` gives the first number of a block of `STREAM_BLOCK` that nobody else has; it is
 * called when a block is used up.
 */
export function createStreamIds(takeBlock: () => Promise<number>): StreamIds {
  let next = 0;
  let left = 0;
  let taking: Promise<void> | null = null;

  function take(): Promise<void> {
    taking ??= takeBlock()
      .then((first) => {
        next = first;
        left = STREAM_BLOCK;
      })
      .finally(() => {
        taking = null;
      });
    return taking;
  }

  return {
    async next() {
      while (left === 0) await take();
      left -= 1;
      const id = next % STREAM_RANGE;
      next += 1;
      return id;
    },
  };
}

/** Blocks of a single process: they begin at the time of day, so that a restart does not begin where the last did. */
export function createLocalBlocks(nowMs: () => number): () => Promise<number> {
  let following = Math.floor(nowMs() / 1_000) * STREAM_BLOCK;
  return async () => {
    const first = following;
    following += STREAM_BLOCK;
    return first;
  };
}
