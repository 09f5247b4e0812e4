/**
 * What this process knows of sessions, so that reconnecting costs at most one read. Entries are dropped when a change
 * is announced; their age limit is only the net below that. A read that was under way during a drop is done again.
 */
export interface SessionCache<T> {
  /**
   * The known value when it is young enough and `isUsable`, else a fresh one. When reading fails, a usable known one
   * of up to `staleMs` is given instead: while the database is away, no revocation can commit.
   */
  get(key: SessionKey, isUsable: (value: T) => boolean): Promise<T>;
  /** Reads now, whatever is known. */
  getFresh(key: SessionKey): Promise<T>;
  drop(sessionId: string): void;
  dropWhere(matches: (value: T) => boolean): void;
}

/** `userId` is whose session the token says it is. */
export interface SessionKey {
  readonly sessionId: string;
  readonly userId: string;
}

interface Entry<T> {
  readonly value: T;
  readonly readAtMs: number;
}

const largestCache = 50_000;
const readsAtMost = 3;

export function createSessionCache<T>(options: {
  readonly read: (key: SessionKey) => Promise<T>;
  readonly monotonicMs: () => number;
  readonly freshMs: number;
  readonly staleMs: number;
}): SessionCache<T> {
  const entries = new Map<string, Entry<T>>();
  /** Grows with every drop of one session, and of any by its value. */
  const drops = new Map<string, number>();
  const underWay = new Map<string, number>();
  let dropsOfAny = 0;

  function mark(sessionId: string): string {
    return `${drops.get(sessionId) ?? 0}/${dropsOfAny}`;
  }

  async function getFresh(key: SessionKey): Promise<T> {
    const { sessionId } = key;
    underWay.set(sessionId, (underWay.get(sessionId) ?? 0) + 1);
    try {
      for (let attempt = 1; ; attempt += 1) {
        const before = mark(sessionId);
        const value = await options.read(key);
        const isCurrent = mark(sessionId) === before;
        if (isCurrent) remember(sessionId, value);
        if (isCurrent || attempt === readsAtMost) return value;
      }
    } finally {
      const others = (underWay.get(sessionId) ?? 1) - 1;
      if (others > 0) {
        underWay.set(sessionId, others);
      } else {
        underWay.delete(sessionId);
        drops.delete(sessionId);
      }
    }
  }

  function remember(sessionId: string, value: T): void {
    entries.delete(sessionId);
    entries.set(sessionId, { value, readAtMs: options.monotonicMs() });
    if (entries.size <= largestCache) return;
    for (const oldest of entries.keys()) {
      entries.delete(oldest);
      return;
    }
  }

  return {
    getFresh,
    get: async (key, isUsable) => {
      const { sessionId } = key;
      const known = entries.get(sessionId);
      const ageMs = known === undefined ? Number.POSITIVE_INFINITY : options.monotonicMs() - known.readAtMs;
      if (known !== undefined && ageMs <= options.freshMs && isUsable(known.value)) return known.value;
      try {
        return await getFresh(key);
      } catch (error) {
        const left = entries.get(sessionId);
        if (left !== undefined && left === known && ageMs <= options.staleMs && isUsable(left.value)) return left.value;
        throw error;
      }
    },
    drop: (sessionId) => {
      entries.delete(sessionId);
      if (underWay.has(sessionId)) drops.set(sessionId, (drops.get(sessionId) ?? 0) + 1);
    },
    dropWhere: (matches) => {
      dropsOfAny += 1;
      for (const [sessionId, entry] of entries) if (matches(entry.value)) entries.delete(sessionId);
    },
  };
}
