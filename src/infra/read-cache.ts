/**
 * What this process knows of rows that seldom change, so that a reconnecting client costs few reads. Entries are
 * dropped when a change is announced; their age limit is only the net below that. A read that was under way during a
 * drop is done again, so that nothing older than the change is kept.
 */
export interface ReadCache<T> {
  /**
   * The known value when it is young enough and `isUsable`, else a fresh one. When reading fails, a usable known one
   * of up to `staleMs` is given instead: while the database is away, no revocation can commit.
   */
  get(key: string, read: () => Promise<T>, isUsable?: (value: T) => boolean): Promise<T>;
  /** Reads now. When reading fails, a known value is given as by `get`. */
  getNewest(key: string, read: () => Promise<T>): Promise<T>;
  /** Reads now, whatever is known. */
  getFresh(key: string, read: () => Promise<T>): Promise<T>;
  drop(key: string): void;
  dropWhere(matches: (value: T) => boolean): void;
}

interface Entry<T> {
  readonly value: T;
  readonly readAtMs: number;
}

const largestCache = 50_000;
const readsAtMost = 3;
/** As long as outbox events may be late without doing harm. */
const freshMs = 30_000;
/** As long as sessions and memberships are believed while PostgreSQL is away. */
export const staleMs = 30 * 60_000;

export function createReadCache<T>(monotonicMs: () => number): ReadCache<T> {
  const entries = new Map<string, Entry<T>>();
  const underWay = new Map<string, { reads: number; drops: number }>();
  let dropsOfAny = 0;

  async function getFresh(key: string, read: () => Promise<T>): Promise<T> {
    const state = underWay.get(key) ?? { reads: 0, drops: 0 };
    underWay.set(key, state);
    state.reads += 1;
    try {
      for (let attempt = 1; ; attempt += 1) {
        const before = state.drops + dropsOfAny;
        const value = await read();
        const isCurrent = state.drops + dropsOfAny === before;
        if (isCurrent) remember(key, value);
        if (isCurrent || attempt === readsAtMost) return value;
      }
    } finally {
      state.reads -= 1;
      if (state.reads === 0) underWay.delete(key);
    }
  }

  function remember(key: string, value: T): void {
    entries.delete(key);
    entries.set(key, { value, readAtMs: monotonicMs() });
    if (entries.size <= largestCache) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      return;
    }
  }

  function knownFor(key: string, longestMs: number, isUsable: (value: T) => boolean): Entry<T> | undefined {
    const entry = entries.get(key);
    if (entry === undefined || monotonicMs() - entry.readAtMs > longestMs || !isUsable(entry.value)) return undefined;
    return entry;
  }

  async function getNewest(key: string, read: () => Promise<T>, isUsable: (value: T) => boolean): Promise<T> {
    try {
      return await getFresh(key, read);
    } catch (error) {
      // Looked up again: a drop that came meanwhile counts.
      const stale = knownFor(key, staleMs, isUsable);
      if (stale === undefined) throw error;
      return stale.value;
    }
  }

  return {
    getFresh,
    getNewest: (key, read) => getNewest(key, read, () => true),
    get: async (key, read, isUsable = () => true) => {
      const known = knownFor(key, freshMs, isUsable);
      return known === undefined ? getNewest(key, read, isUsable) : known.value;
    },
    drop: (key) => {
      entries.delete(key);
      const state = underWay.get(key);
      if (state !== undefined) state.drops += 1;
    },
    dropWhere: (matches) => {
      dropsOfAny += 1;
      for (const [key, entry] of entries) if (matches(entry.value)) entries.delete(key);
    },
  };
}
