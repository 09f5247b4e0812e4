/** A talker who had published and is seen without a track for so long has lost his media (protocol.md `media_failed`). */
const SILENT_MS = 4_000;

interface Watched {
  readonly talkId: string;
  hadTrack: boolean;
  /** Monotonic time of the first look that did not see a track any more. */
  missingSinceMs: number | null;
}

/** Finds talkers whose track is gone, by looks at their rooms that succeeded. */
export class SilentTalkers {
  readonly #nowMs: () => number;
  /** By group. */
  readonly #talks = new Map<string, Watched>();

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs;
  }

  /** A look has seen the talker with a track, or without one; true when he is without for too long. */
  saw(groupId: string, talkId: string, hasTrack: boolean): boolean {
    const known = this.#talks.get(groupId);
    const talk: Watched = known?.talkId === talkId ? known : { talkId, hadTrack: false, missingSinceMs: null };
    this.#talks.set(groupId, talk);
    if (hasTrack) {
      talk.hadTrack = true;
      talk.missingSinceMs = null;
    } else if (talk.hadTrack) {
      talk.missingSinceMs ??= this.#nowMs();
      return this.#nowMs() - talk.missingSinceMs >= SILENT_MS;
    }
    return false;
  }

  /** It could not be seen: what was missing before says nothing of now. */
  couldNotLook(groupId: string): void {
    const talk = this.#talks.get(groupId);
    if (talk !== undefined) talk.missingSinceMs = null;
  }

  /** Nobody talks there by a right of the media server. */
  forget(groupId: string): void {
    this.#talks.delete(groupId);
  }
}
