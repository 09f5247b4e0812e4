import type { Change } from '../floor/index.ts';
import type { Withdrawals } from './withdrawals.ts';

/** Rights that somebody else ought to be withdrawing are left to him for this long. */
const STALE_RIGHTS_MS = 2_000;

/** Rights to publish without floor in one group: seen to by the process whose step took the floor, else by whoever sees them. */
export class StaleRights {
  readonly #groupId: string;
  readonly #withdrawals: Withdrawals;
  /** Since when they are seen, by identity. */
  readonly #since = new Map<string, number>();

  constructor(groupId: string, withdrawals: Withdrawals) {
    this.#groupId = groupId;
    this.#withdrawals = withdrawals;
  }

  /** At once where this process's step took the right away, later where another process ought to be doing it. */
  withdraw({ withdraw, published }: Change): void {
    if (withdraw.length === 0) return;
    if (published.length > 0) {
      this.#withdrawals.begin(this.#groupId, withdraw);
      return;
    }
    const nowMs = performance.now();
    for (const identity of withdraw) {
      const since = this.#since.get(identity) ?? nowMs;
      this.#since.set(identity, since);
      if (nowMs - since >= STALE_RIGHTS_MS) this.#withdrawals.begin(this.#groupId, [identity]);
    }
  }

  /** A talk has ended: whoever ended it gets the time to withdraw its right. */
  startAnew(): void {
    this.#since.clear();
  }
}
