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

/**
 * Where the history writer reads what happened. Records of a group come in the order in which they were made, and
 * stay until they are confirmed, also when the group is not live any more. Several processes may be given the same
 * record: storing must be idempotent by talk id. Methods throw `FloorStoreUnavailable`.
 */
export interface FloorHistorySource {
  /** Up to `limit` records that are not confirmed, of any groups. */
  pending(limit: number): Promise<readonly HistoryEntry[]>;
  /** Notes talks that an earlier life of the store has lost, each with the end of its voice session. */
  note(talks: readonly LostTalk[]): Promise<void>;
  /** These are stored. Unknown or already confirmed ones are passed over. */
  confirm(entries: readonly HistoryEntry[]): Promise<void>;
}
