import type { EndCause, FloorMember, FloorPolicy, FloorSpeaker, OpenTalk } from './model.ts';

/**
 * The live state of all groups: who has the floor, who waits, who is there. Every method is one atomic step
 * (floor.md "One atomic step per decision") that also does whatever was due in the group; time is the store's
 * own. Throws `FloorStoreUnavailable` when the store does not answer; the step may have happened then.
 */
export interface FloorStore {
  readonly kind: 'redis' | 'memory';

  /**
   * Makes a connection present in a group, or finds it present. A session that comes back within the grace
   * keeps its talk. With `since` the events missed are read from the log.
   */
  join(input: JoinInput): Promise<JoinOutcome>;

  /** Ends the presence of a connection; without effect when the session has a newer one. */
  leave(input: LeaveInput): Promise<Change>;

  /**
   * A press of the button. In one step (`oneStep`) the floor is granted and announced; in two it is reserved,
   * and `commit` announces it when the media server has given the right to publish.
   */
  request(input: RequestInput): Promise<RequestOutcome>;

  /** Second step of a grant. Refused when the reservation is void, cancelled, or the member may not talk now. */
  commit(input: CommitInput): Promise<CommitOutcome>;

  /**
   * Gives a reservation back; nothing was announced. With `silenced` also after a refused commit: the talk that
   * was silenced in vain ends.
   */
  cancel(input: CancelInput): Promise<Change>;

  /** The talker lets go. Only the grant's own session and connection can. */
  release(input: ReleaseInput): Promise<ReleaseOutcome>;

  /**
   * Ends the open talk, or cancels the reservation, from outside. `talkId` null: whichever there is; with the cause
   * `removed` the group itself is gone, so nobody waits any more and the talker does not stay.
   */
  end(input: EndInput): Promise<EndOutcome>;

  /** A member, a session or a right to talk is gone: ends what stood on it. */
  withdrawRight(input: WithdrawRightInput): Promise<Change>;

  /** The media server confirmed that these identities cannot publish any more. */
  rightsCleared(input: { groupId: string; identities: readonly string[] }): Promise<void>;

  /**
   * Renews this process's leases in a group: its presence and its open talk when `honouredTalkIds` names it.
   * An open talk of this process that it does not honour (its grant was never answered) ends `lost`.
   */
  renew(input: RenewInput): Promise<RenewOutcome>;

  /** Does what is due: limits, leases, grace, presence, linger. */
  settle(input: { groupId: string }): Promise<Change>;

  /** The group as last announced, with the events after `since` where the log still has them. */
  snapshot(input: SnapshotInput): Promise<GroupSnapshot>;

  /** Who may be publishing, and for which talk: what the rights in the media server's rooms are held against. */
  publishers(input: { groupId: string }): Promise<Publishers>;

  /** Groups with live state, for sweeps and the live view. Slow on a large store, but never in its way. */
  liveGroups(): Promise<readonly string[]>;

  close(): Promise<void>;
}

/** What a step did to a group. */
export interface Change {
  /** 0 when the group is not live. */
  readonly epoch: number;
  readonly seq: number;
  /** The payloads (envelope.ts) that this step published, in order. */
  readonly published: readonly string[];
  /** Identities in `rights` that have neither floor nor reservation: withdraw, then `rightsCleared`. */
  readonly withdraw: readonly string[];
  /** When the store has something to do next, from now; null: nothing. */
  readonly dueInMs: number | null;
}

export interface LogPosition {
  readonly epoch: number;
  readonly seq: number;
}

export interface GroupSnapshot extends Change {
  readonly talk: OpenTalk | null;
  /** JSON texts `{userId, displayName, role}`, the first 500. */
  readonly presence: readonly string[];
  readonly presenceCount: number;
  /** Sockets in the group, of all processes; one that was replaced is none. */
  readonly connections: number;
  /** Payloads after `since`, or null when the log does not reach back to it. */
  readonly missed: readonly string[] | null;
}

/** Whoever has, or is being given, the floor. */
export interface Publisher {
  readonly talkId: string;
  /** Null: this talker's voice needs no right from the media server. */
  readonly identity: string | null;
}

export interface Publishers extends Change {
  /** The open talk. */
  readonly talk: Publisher | null;
  /** The reservation that is not committed; `over` is the talk that it is about to pre-empt. */
  readonly reserved: (Publisher & { readonly over: string | null }) | null;
}

export interface JoinInput {
  readonly groupId: string;
  readonly member: FloorMember;
  /** Becomes the voice session's id when this join makes the group live. */
  readonly voiceSessionId: string;
  readonly since: LogPosition | null;
  /** The last epoch that this process saw of the group: should this join make it live, its epoch is a later one. */
  readonly afterEpoch?: number;
  /** Only finds its place again: a session that has come back elsewhere meanwhile is left there. */
  readonly again?: boolean;
}

export interface JoinOutcome extends GroupSnapshot {
  readonly voiceSessionId: string;
}

export interface LeaveInput {
  readonly groupId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  /**
   * `left`: asked for, ends a talk `released`. `closed`: the socket is gone, a talk has the grace.
   * `replaced`: as closed, and presence too has the grace.
   */
  readonly how: 'left' | 'closed' | 'replaced';
}

export interface RequestInput {
  readonly groupId: string;
  readonly member: FloorMember;
  /** UUIDv7 of the talk, should it come to be. */
  readonly talkId: string;
  /** Names this very request. */
  readonly token: string;
  readonly streamId: number;
  /** Media identity that would get the right to publish; null when the connection's media needs none. */
  readonly identity: string | null;
  readonly queue: boolean;
  readonly emergency: boolean;
  readonly oneStep: boolean;
  readonly policy: FloorPolicy;
}

export interface Grant {
  readonly talkId: string;
  readonly streamId: number;
  readonly seq: number;
  readonly maxTalkMs: number;
  readonly remainingMs: number;
}

export type RequestOutcome = Change &
  (
    | { readonly status: 'granted'; readonly grant: Grant }
    /** The asker has the floor already: the same grant again. */
    | { readonly status: 'repeated'; readonly grant: Grant }
    /** `silence`: the identity of the talker who is being pre-empted; it loses its right before the asker gets his. */
    | { readonly status: 'prepared'; readonly silence: string | null }
    /** An earlier request of this session is on its way. */
    | { readonly status: 'in_progress' }
    | { readonly status: 'queued'; readonly position: number }
    | { readonly status: 'busy'; readonly holder: FloorSpeaker | null }
    | { readonly status: 'queue_full'; readonly holder: FloorSpeaker | null }
    | { readonly status: 'cooldown'; readonly retryAfterMs: number }
    /** The store is new: nothing is granted until old leases must have lapsed. */
    | { readonly status: 'quiet'; readonly retryAfterMs: number }
    | { readonly status: 'listen_only' }
    | { readonly status: 'not_joined' }
  );

export interface CommitInput {
  readonly groupId: string;
  readonly talkId: string;
  readonly token: string;
  readonly policy: FloorPolicy;
}

export type CommitOutcome = Change &
  (
    | { readonly status: 'granted'; readonly grant: Grant }
    /**
     * `void`: too late. `released`: a release has announced and ended the talk already. The right to publish, if it
     * was given, must be withdrawn.
     */
    | { readonly status: 'refused'; readonly cause: 'void' | 'released' | 'not_joined' | 'listen_only' | 'busy' }
  );

export interface CancelInput {
  readonly groupId: string;
  readonly talkId: string;
  readonly token: string;
  /**
   * The pre-empted talker was silenced already, so his talk ends too: `media_failed` where the asker's right was
   * refused, `preempted` where the asker gave up. Null: he was not.
   */
  readonly silenced: 'media_failed' | 'preempted' | null;
  /** False: the right to publish was certainly not given for it, so nothing is to be withdrawn on its account. */
  readonly rightGiven: boolean;
}

export interface ReleaseInput {
  readonly groupId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  readonly talkId: string | null;
}

export interface ReleaseOutcome extends Change {
  readonly released: boolean;
}

export interface EndInput {
  readonly groupId: string;
  readonly talkId: string | null;
  readonly cause: EndCause;
}

export interface EndOutcome extends Change {
  /** What there was to end: the reservation, the open talk, both or none. */
  readonly ended: readonly EndedTalk[];
}

export interface EndedTalk {
  readonly talkId: string;
  readonly userId: string;
}

export interface WithdrawRightInput {
  readonly groupId: string;
  readonly userId: string;
  /** Only this session of the user; null: all. */
  readonly sessionId: string | null;
  /** `member`: presence ends too. `talk`: the member stays and listens. */
  readonly right: 'member' | 'talk';
}

export interface RenewInput {
  readonly groupId: string;
  readonly honouredTalkIds: readonly string[];
  /** How many members this process has joined and not left. */
  readonly members: number;
}

export interface RenewOutcome extends Change {
  /** False: the store does not know all members of this process in this group (any more); they must join again. */
  readonly known: boolean;
}

export interface SnapshotInput {
  readonly groupId: string;
  readonly since: LogPosition | null;
}

/** The store did not answer, or refused for want of a resource. */
export class FloorStoreUnavailable extends Error {
  override readonly name = 'FloorStoreUnavailable';
}
