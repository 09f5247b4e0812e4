import type { RoomMember } from '../identities.ts';

/** Who was put out; null: whichever. */
export interface Out {
  readonly groupId: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
}

/**
 * Who was put out of rooms lately. A token that he has still counts for the media server until it expires; so long this
 * list knows him, also while PostgreSQL, which knows him for ever, cannot be asked.
 */
export class OutList {
  readonly #lifeMs: number;
  readonly #nowMs: () => number;
  readonly #endsAtMs = new Map<string, number>();

  constructor(lifeMs: number, nowMs: () => number = () => performance.now()) {
    this.#lifeMs = lifeMs;
    this.#nowMs = nowMs;
  }

  add(out: Out): void {
    this.#dropOld();
    const key = keyOf(out);
    // The order of insertion stays the order of the ends.
    this.#endsAtMs.delete(key);
    this.#endsAtMs.set(key, this.#nowMs() + this.#lifeMs);
  }

  /** He may be there again. */
  forgive(out: Out): void {
    this.#endsAtMs.delete(keyOf(out));
  }

  has(groupId: string, { userId, sessionId }: RoomMember): boolean {
    this.#dropOld();
    const reasons: readonly Out[] = [
      { groupId, userId: null, sessionId: null },
      { groupId, userId, sessionId: null },
      { groupId: null, userId, sessionId },
    ];
    return reasons.some((reason) => this.#endsAtMs.has(keyOf(reason)));
  }

  #dropOld(): void {
    for (const [key, endsAtMs] of this.#endsAtMs) {
      if (endsAtMs > this.#nowMs()) return;
      this.#endsAtMs.delete(key);
    }
  }
}

function keyOf({ groupId, userId, sessionId }: Out): string {
  return `${groupId} ${userId} ${sessionId}`;
}
