import type { EndCause, FloorSpeaker, LostTalk } from '../floor/index.ts';

/** What is told of a talk when it starts. */
export interface LedgerTalk {
  readonly groupId: string;
  readonly voiceSessionId: string;
  readonly talkId: string;
  /** Of the live store in which it started. */
  readonly generation: number;
  /** How long ago it started, in milliseconds. */
  readonly elapsedMs: number;
  /** Asked for only when the talk must be told again. */
  readonly describe: () => { readonly speaker: FloorSpeaker; readonly emergency: boolean };
}

interface KnownTalk extends LedgerTalk {
  readonly startedAtMs: number;
  end: { readonly atMs: number; readonly cause: EndCause } | null;
  /** The last generation of the live store that was told of it. */
  toldGeneration: number;
}

/** As many talks are remembered; PostgreSQL must be away for long to reach it. */
const MOST_TALKS = 50_000;

/**
 * The talks that this process has seen and of which it has not heard yet that PostgreSQL has them. A live store that
 * is lost takes its open talks and its unstored records with it: whoever remembers them tells the next one (floor.md,
 * invariant 3). Several processes may tell the same talk; it is stored once, by its id.
 */
export class TalkLedger {
  readonly #talks = new Map<string, KnownTalk>();
  readonly #nowMs: () => number;
  readonly #most: number;

  /** `nowMs` is a monotonic clock. */
  constructor(nowMs: () => number, most = MOST_TALKS) {
    this.#nowMs = nowMs;
    this.#most = most;
  }

  /** Of a talk that is known already nothing changes. */
  started(talk: LedgerTalk): void {
    if (this.#talks.has(talk.talkId)) return;
    if (this.#talks.size >= this.#most) this.#forgetOldest();
    const startedAtMs = this.#nowMs() - talk.elapsedMs;
    this.#talks.set(talk.talkId, { ...talk, startedAtMs, end: null, toldGeneration: talk.generation });
  }

  /** The first end counts. */
  ended(talkId: string, cause: EndCause): void {
    const talk = this.#talks.get(talkId);
    if (talk !== undefined) talk.end ??= { atMs: this.#nowMs(), cause };
  }

  /** PostgreSQL has it: it can be forgotten. */
  stored(talkId: string): void {
    this.#talks.delete(talkId);
  }

  /**
   * Talks of which the live store was not told yet because they are of an earlier one than their group is in now. Those
   * that were open then ended `expired`, now.
   */
  lostBefore(generationOf: (groupId: string) => number): LostTalk[] {
    const lost: LostTalk[] = [];
    for (const talk of this.#talks.values()) {
      if (talk.toldGeneration >= generationOf(talk.groupId)) continue;
      talk.end ??= { atMs: this.#nowMs(), cause: 'expired' };
      lost.push(this.#lostTalk(talk, talk.end));
    }
    return lost;
  }

  /** The live stores of these generations have been told of them. */
  told(talks: readonly LostTalk[], generationOf: (groupId: string) => number): void {
    for (const { talkId, groupId } of talks) {
      const talk = this.#talks.get(talkId);
      if (talk !== undefined) talk.toldGeneration = Math.max(talk.toldGeneration, generationOf(groupId));
    }
  }

  #lostTalk(talk: KnownTalk, end: { readonly atMs: number; readonly cause: EndCause }): LostTalk {
    const { groupId, voiceSessionId, talkId } = talk;
    const nowMs = this.#nowMs();
    return {
      groupId,
      voiceSessionId,
      talkId,
      ...talk.describe(),
      cause: end.cause,
      startedAgoMs: Math.round(nowMs - talk.startedAtMs),
      endedAgoMs: Math.round(nowMs - end.atMs),
    };
  }

  #forgetOldest(): void {
    for (const talkId of this.#talks.keys()) {
      this.#talks.delete(talkId);
      return;
    }
  }
}
