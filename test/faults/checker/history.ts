import type { ServerMessage } from '../../_support/wire.ts';

/** What clients saw and sent while a fault was injected, as plain data: times are `performance.now()` of the test. */

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface SentMessage {
  readonly atMs: number;
  readonly id: string;
  readonly type: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface SeenMessage {
  readonly atMs: number;
  readonly message: ServerMessage;
}

/** One socket from its opening to its end. */
export interface ConnectionRecord {
  /** Whose, and the how manyth of his: `bob 3`. */
  readonly name: string;
  readonly userId: string;
  readonly sessionId: string;
  /** Which of the processes it went to. */
  readonly process: number;
  readonly sent: SentMessage[];
  readonly received: SeenMessage[];
  /** Times at which the client read nothing. */
  readonly frozen: Span[];
  /** The end of the socket, whoever ended it; null while it is open. */
  endedAtMs: number | null;
  /** The close code; 1006 without a close frame. */
  endCode: number | null;
}

/** A row of `GET /admin/talks`. */
export interface StoredTalk {
  readonly talkId: string;
  readonly groupId: string;
  readonly userId: string;
  readonly cause: string;
  readonly durationMs: number;
}

export interface GroupRecord {
  readonly groupId: string;
  /** The shortest time after which a talk here may end `too_long`. */
  readonly shortestLimitMs: number;
  /** The group is deleted in the course of the run: nobody's last view of it counts. */
  readonly isDeleted: boolean;
  /** The snapshots that were taken last, when everything was quiet; one for each process. */
  readonly last: readonly ServerMessage[];
}

/** What the run did itself, and what its fault explains. */
export interface Circumstances {
  /** Causes of ends that the fault explains by itself. */
  readonly mayEnd: readonly string[];
  /** The live store was emptied: whoever saw its talks tells the next one of them, by his own clock. */
  readonly storeWasLost: boolean;
  /** Nothing may be granted by these processes (`null`: by any) in these spans. */
  readonly nothingGranted: readonly (Span & { readonly process: number | null })[];
  /** Processes that were stopped or killed. */
  readonly processAway: readonly (Span & { readonly process: number })[];
  /** Talks revoked by REST. */
  readonly revoked: readonly { readonly atMs: number; readonly groupId: string }[];
  /** Rights taken away: of a user, of everybody in a group (`userId` null), or in every group (`groupId` null). */
  readonly removed: readonly {
    readonly atMs: number;
    readonly groupId: string | null;
    readonly userId: string | null;
  }[];
  /** The longest that an answer may take. */
  readonly answerLimitMs: number;
}

export interface History {
  readonly connections: readonly ConnectionRecord[];
  readonly groups: readonly GroupRecord[];
  readonly stored: readonly StoredTalk[];
  readonly circumstances: Circumstances;
  /** What was still there when everybody had gone. */
  readonly leaks: readonly string[];
}

/** Circumstances in which nothing went wrong. */
export const undisturbed: Circumstances = {
  mayEnd: [],
  storeWasLost: false,
  nothingGranted: [],
  processAway: [],
  revoked: [],
  removed: [],
  answerLimitMs: 8_000,
};
