import type { Membership } from '../access.ts';

/** While PostgreSQL is away nothing can be revoked; what was read this long ago still counts (floor.md). */
const KNOWN_MS = 30 * 60_000;
const MOST_USERS = 50_000;

/** The memberships that HELLO read last, for a user who comes back while they cannot be read. */
export class KnownMemberships {
  readonly #monotonicMs: () => number;
  /** In the order of reading: the oldest is first. */
  readonly #byUser = new Map<string, { readonly memberships: readonly Membership[]; readonly readAtMs: number }>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  remember(userId: string, memberships: readonly Membership[]): void {
    this.#byUser.delete(userId);
    this.#byUser.set(userId, { memberships, readAtMs: this.#monotonicMs() });
    for (const [oldestUserId] of this.#byUser) {
      if (this.#byUser.size <= MOST_USERS) break;
      this.#byUser.delete(oldestUserId);
    }
  }

  recall(userId: string): readonly Membership[] | null {
    const known = this.#byUser.get(userId);
    return known !== undefined && this.#monotonicMs() - known.readAtMs <= KNOWN_MS ? known.memberships : null;
  }

  /** To be called for every change of a membership, also of users who are not here. */
  forgetUser(userId: string): void {
    this.#byUser.delete(userId);
  }

  forgetGroup(groupId: string): void {
    for (const [userId, { memberships }] of this.#byUser) {
      if (memberships.some(({ group }) => group.id === groupId)) this.#byUser.delete(userId);
    }
  }
}
