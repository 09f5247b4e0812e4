const KEPT_MS = 60_000;

/**
 * What was revoked or changed in the last minute, for sockets that are in the middle of HELLO: what they read
 * may be older than an event that found no connection to act on yet.
 */
export class RecentChanges {
  readonly #monotonicMs: () => number;
  /** In the order of noting: the oldest is first. */
  readonly #notedAtMs = new Map<string, number>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  note(key: ChangeKey): void {
    const nowMs = this.#monotonicMs();
    this.#notedAtMs.delete(key);
    this.#notedAtMs.set(key, nowMs);
    for (const [oldKey, atMs] of this.#notedAtMs) {
      if (nowMs - atMs < KEPT_MS) break;
      this.#notedAtMs.delete(oldKey);
    }
  }

  /** Was `key` noted at `sinceMs` or later? */
  happened(key: ChangeKey, sinceMs: number): boolean {
    const atMs = this.#notedAtMs.get(key);
    return atMs !== undefined && atMs >= sinceMs;
  }
}

export type ChangeKey =
  | `session ended ${string}`
  | `user gone ${string}`
  | `socket replaced ${string}`
  | `memberships of ${string}`
  | `group ${string}`;
