import type { RoomMember } from '../identities.ts';

/** A member counts as one for so long before it is asked again, in milliseconds: his end is told by an event. */
const FRESH_MS = 20_000;

/** Who was found to be of a group lately, so that not every look at a room asks for everybody in it. */
export class KnownMembers {
  readonly #untilMs = new Map<string, number>();
  readonly #nowMs: () => number;

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  add(groupId: string, members: readonly RoomMember[]): void {
    for (const [key, untilMs] of this.#untilMs) {
      if (untilMs > this.#nowMs()) break;
      this.#untilMs.delete(key);
    }
    for (const member of members) {
      const key = keyOf(groupId, member);
      // The order of insertion stays the order of the ends.
      this.#untilMs.delete(key);
      this.#untilMs.set(key, this.#nowMs() + FRESH_MS);
    }
  }

  drop(groupId: string, member: RoomMember): void {
    this.#untilMs.delete(keyOf(groupId, member));
  }

  has(groupId: string, member: RoomMember): boolean {
    return (this.#untilMs.get(keyOf(groupId, member)) ?? 0) > this.#nowMs();
  }
}

function keyOf(groupId: string, { userId, sessionId }: RoomMember): string {
  return `${groupId} ${userId} ${sessionId}`;
}
