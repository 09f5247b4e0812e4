/**
 * Floor control, in the words of 3GPP TS 24.380.
 *
 *   floor     the right to talk in a group; at most one connection has it
 *   talk      one grant of the floor, from grant to end
 *   pending   a reserved floor that is not announced yet: the media server is being asked for the right to publish
 *   lease     how long a talk or a process's presence lives without renewal
 *   grace     how long a talk survives the loss of its socket
 *   contended somebody else wants to talk, so the shorter limit runs
 *   epoch     one life of a group's live state; numbering starts anew with each
 *   rights    media identities that may still hold the right to publish
 */

/** Durations of floor control in milliseconds; floor.md gives the defaults. */
export interface FloorTimings {
  /** A talk or a process's presence that is not renewed for this long is over. */
  readonly leaseMs: number;
  /** How often a process renews; at most a third of the lease. */
  readonly renewMs: number;
  /** How long a talk survives the loss of its socket. */
  readonly graceMs: number;
  /** How long a floor may stay reserved before it is void. */
  readonly pendingMs: number;
  /** How long changes of presence are collected into one event. */
  readonly presenceFlushMs: number;
  /** How long the live state of a group outlives its last member. */
  readonly lingerMs: number;
}

export const floorTimings: FloorTimings = {
  leaseMs: 6_000,
  renewMs: 2_000,
  graceMs: 2_000,
  pendingMs: 2_500,
  presenceFlushMs: 50,
  lingerMs: 60_000,
};

/** epoch = generation of the live store · this + the second in which the group became live. */
export const GENERATION_FACTOR = 2 ** 32;

/** The generation of the live store that an epoch began in. */
export function generationOf(epoch: number): number {
  return Math.floor(epoch / GENERATION_FACTOR);
}

/** Events that a group's log keeps for those who come back. */
export const EVENT_LOG_LENGTH = 32;

/** Members that a snapshot names. */
export const SNAPSHOT_PRESENCE_LIMIT = 500;

/** The limits of one group (protocol.md "settings"); 0 turns a limit off where the contract says so. */
export interface FloorPolicy {
  readonly maxTalkMs: number;
  readonly contendedTalkMs: number;
  readonly queueLimit: number;
  readonly cooldownMs: number;
  readonly managerPreempts: boolean;
  readonly emergency: 'allowed' | 'off';
}

export type EndCause =
  | 'released'
  | 'too_long'
  | 'preempted'
  | 'revoked'
  | 'lost'
  | 'removed'
  | 'expired'
  | 'media_failed';

/** One connection of one session of a member. */
export interface FloorMember {
  readonly sessionId: string;
  readonly connectionId: string;
  readonly userId: string;
  readonly displayName: string;
  readonly role: 'group_manager' | 'member';
  readonly talk: 'allowed' | 'listen_only';
}

export interface FloorSpeaker {
  readonly userId: string;
  readonly displayName: string;
}

/** The open talk as last announced. */
export interface OpenTalk {
  readonly talkId: string;
  readonly streamId: number;
  readonly speaker: FloorSpeaker;
  readonly sessionId: string;
  readonly emergency: boolean;
  readonly elapsedMs: number;
  /** To the earlier of the limits. */
  readonly remainingMs: number;
}
