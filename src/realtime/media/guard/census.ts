import type { OpenRoom } from '../group-rooms.ts';

/**
 * What LiveKit's list of rooms tells, and when: a change of who is there stands in it at once, unless it comes within
 * 5 s of a change that stands in it already; then it may be hidden for 10 s (`roomUpdateInterval`, `ProtoProxy`).
 */
const HIDDEN_MS = 5_000;
/** A room in which something may be hidden is looked at so often. */
const LOOK_AGAIN_MS = 2_000;

interface Stirred {
  /** No change can be hidden that is made after this. */
  hidesUntilMs: number;
  lookedAtMs: number;
}

/** What a list says that was taken a moment after another. */
export interface CensusFindings {
  /** Rooms that are to be looked at now. */
  readonly groups: readonly string[];
  /** The media server has forgotten every room in which somebody was: it was started again. */
  readonly wasStartedAgain: boolean;
}

/**
 * Compares one list of the rooms with the next: an inexpensive way to learn in which of thousands of quiet rooms somebody
 * has come, gone or begun to publish.
 */
export class Census {
  #known: ReadonlyMap<string, OpenRoom> | null = null;
  readonly #stirred = new Map<string, Stirred>();

  /** Takes the next list, at a monotonic time. */
  take(rooms: readonly OpenRoom[], nowMs: number): CensusFindings {
    const now = new Map(rooms.map((room) => [room.groupId, room]));
    const before = this.#known ?? now;
    this.#known = now;
    for (const room of rooms) {
      if (isSame(before.get(room.groupId), room)) continue;
      this.#stirred.set(room.groupId, { hidesUntilMs: nowMs + HIDDEN_MS, lookedAtMs: Number.NEGATIVE_INFINITY });
    }
    return { groups: this.#due(nowMs), wasStartedAgain: areAllOthers(before, now) };
  }

  #due(nowMs: number): string[] {
    const due: string[] = [];
    for (const [groupId, room] of this.#stirred) {
      if (nowMs - room.lookedAtMs < LOOK_AGAIN_MS) continue;
      due.push(groupId);
      room.lookedAtMs = nowMs;
      // The look that begins now is the last: it sees whatever was hidden.
      if (nowMs >= room.hidesUntilMs) this.#stirred.delete(groupId);
    }
    return due;
  }
}

function isSame(before: OpenRoom | undefined, { sid, participants, publishers }: OpenRoom): boolean {
  return before?.sid === sid && before.participants === participants && before.publishers === publishers;
}

/** A room in which somebody is lives on; a media server that was started again has no room of before. */
function areAllOthers(before: ReadonlyMap<string, OpenRoom>, now: ReadonlyMap<string, OpenRoom>): boolean {
  const lived = [...before.values()].filter(({ participants }) => participants > 0);
  return lived.length > 0 && lived.every(({ groupId, sid }) => now.get(groupId)?.sid !== sid);
}
