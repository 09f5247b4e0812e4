import type { EndCause, FloorSpeaker } from './model.ts';

/**
 * What the live store has noted for PostgreSQL. Times are milliseconds since 1970 by the store's own clock;
 * `participants` are the users who were present in the voice session so far.
 */
export type HistoryRecord =
  | { readonly kind: 'opened'; readonly voiceSessionId: string; readonly startMs: number }
  | {
      readonly kind: 'closed';
      readonly voiceSessionId: string;
      readonly endMs: number;
      readonly participants: number;
    }
  | TalkRecord
  /** A record whose words are broken: nobody can store it, and nobody may lose it. */
  | { readonly kind: 'unreadable'; readonly words: Readonly<Record<string, string>> };

/** A finished talk; `durationMs` is `endMs - startMs`. */
export interface TalkRecord {
  readonly kind: 'talk';
  readonly talkId: string;
  readonly voiceSessionId: string;
  readonly userId: string;
  readonly speaker: FloorSpeaker;
  readonly emergency: boolean;
  readonly startMs: number;
  readonly endMs: number;
  readonly cause: EndCause;
  readonly participants: number;
}

/** A talk whose live store was lost before PostgreSQL had it; times in milliseconds before now. */
export interface LostTalk {
  readonly groupId: string;
  readonly voiceSessionId: string;
  readonly talkId: string;
  readonly speaker: FloorSpeaker;
  readonly emergency: boolean;
  readonly cause: EndCause;
  readonly startedAgoMs: number;
  readonly endedAgoMs: number;
}

export interface HistoryEntry {
  readonly groupId: string;
  /** Names the record within its group. */
  readonly recordId: string;
  readonly record: HistoryRecord;
}

/** How a group stands in the live store, as far as history goes. */
export interface GroupLife {
  /** The voice session that it is in; null: the group is not live. */
  readonly voiceSessionId: string | null;
  /** Users who were present in it so far. */
  readonly participants: number;
  /** Something of this group is not confirmed yet. */
  readonly hasPending: boolean;
  /** Milliseconds since 1970 by the store's own clock. */
  readonly nowMs: number;
}

/**
 * Where the history writer reads what happened. Records of a group come in the order in which they were made, and
 * stay until they are confirmed, also when the group is not live any more. Several processes may be given the same
 * record: storing must be idempotent by talk id. Methods throw `FloorStoreUnavailable`.
 */
export interface FloorHistorySource {
  /** Up to `limit` records that are not confirmed, of any groups. */
  pending(limit: number): Promise<readonly HistoryEntry[]>;
  /** Notes talks that an earlier life of the store has lost. */
  note(talks: readonly LostTalk[]): Promise<void>;
  /** How these groups stand, in their order; null where the store does not answer within a second. Never rejects. */
  lives(groupIds: readonly string[]): Promise<readonly (GroupLife | null)[]>;
  /** Resolves when it is on record that the store has lost this group, should it have lost its data. */
  recordLoss(groupId: string): Promise<void>;
  /** These are stored. Unknown or already confirmed ones are passed over. */
  confirm(entries: readonly HistoryEntry[]): Promise<void>;
}
