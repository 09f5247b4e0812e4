/** Numbers of talks on the wire (protocol.md "Audio over the WebSocket"): 32 bits, none used again within 24 h. */
export interface StreamIds {
  next(): Promise<number>;
}

/** How many numbers a process takes at a time. */
export const STREAM_BLOCK = 1_000;

const STREAM_RANGE = 2 ** 32;

/**
 * Counts within blocks. `takeBlock` gives the first number of a block of `STREAM_BLOCK` that nobody else has. The next
 * one is taken ahead, so that talks go on while nobody can give any.
 */
export function createStreamIds(takeBlock: () => Promise<number>): StreamIds {
  let next = 0;
  let left = 0;
  /** The first number of the block after this one. */
  let following: number | null = null;
  let taking: Promise<void> | null = null;

  function take(): Promise<void> {
    taking ??= takeBlock()
      .then((first) => {
        following = first;
      })
      .finally(() => {
        taking = null;
      });
    return taking;
  }

  function takeAhead(): void {
    take().catch(() => {
      // It is tried again with the next number.
    });
  }

  takeAhead();
  return {
    async next() {
      while (left === 0) {
        if (following === null) {
          await take();
          continue;
        }
        next = following;
        left = STREAM_BLOCK;
        following = null;
      }
      left -= 1;
      if (following === null && left <= STREAM_BLOCK / 2) takeAhead();
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
