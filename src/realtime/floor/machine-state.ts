import type { FloorMember, FloorSpeaker } from './model.ts';

/**
 * The live state of one group as a value. The Redis adapter keeps the same fields in the keys of the group
 * (floor-redis/lua/prelude.lua); names in brackets are the keys there. Times are milliseconds of the store's clock.
 */
export interface GroupState {
  /** Null: nobody is or was there lately. [floor] */
  readonly life: GroupLife | null;
  /** [talk] */
  readonly talk: Talk | null;
  /** The reservation, perhaps beside an open talk that it pre-empts. [pending] */
  readonly pending: Reservation | null;
  /** Media identities that may still hold the right to publish; they outlive the group. [rights] */
  readonly rights: readonly string[];
  /** By session id. [members] */
  readonly members: ReadonlyMap<string, PresentMember>;
  /** By user id. [people, presence] */
  readonly people: ReadonlyMap<string, PresentPerson>;
  /** User ids that were present in this life of the group. [seen] */
  readonly seen: ReadonlySet<string>;
  /** Process id → end of its presence lease. [procs] */
  readonly processes: ReadonlyMap<string, number>;
  /** Changes of presence that are not announced yet, by user id. [dirty] */
  readonly dirty: ReadonlyMap<string, 'in' | 'out'>;
  /** Waiting requests, the first is next. [queue] */
  readonly queue: readonly Ask[];
  /** The last payloads that carry a number. [log] */
  readonly log: readonly string[];
  /** By user id. [cooldown] */
  readonly cooldown: ReadonlyMap<string, Cooldown>;
}

/** What is numbered and timed in one life of a group. */
export interface GroupLife {
  readonly epoch: number;
  /** Number of the last event; 0 before the first. */
  readonly seq: number;
  readonly generation: number;
  readonly voiceSessionId: string;
  /** When the first change of presence happened that is not announced yet. */
  readonly dirtyAtMs: number | null;
  /** When the last member left. */
  readonly emptyAtMs: number | null;
  /** When the next replaced socket's presence ends. */
  readonly swapAtMs: number | null;
  /** The reservation that was voided last, for whoever drives it and commits too late. */
  readonly voided: VoidedReservation | null;
}

interface VoidedReservation {
  readonly talkId: string;
  readonly cause: VoidCause;
  /** The talk that it was to pre-empt. */
  readonly over: string | null;
}

export type VoidCause = 'void' | 'released' | 'not_joined' | 'listen_only' | 'busy';

/** A request for the floor that is waiting, reserved or granted. */
export interface Ask {
  readonly talkId: string;
  readonly token: string;
  readonly streamId: number;
  readonly identity: string | null;
  readonly userId: string;
  readonly role: FloorMember['role'];
  readonly speaker: FloorSpeaker;
  readonly sessionId: string;
  readonly connectionId: string;
  readonly processId: string;
  readonly emergency: boolean;
  /** The group's limit when it was asked for. */
  readonly maxTalkMs: number;
}

export interface Reservation extends Ask {
  /** Void from then on. */
  readonly untilMs: number;
  /** Somebody else asked meanwhile. */
  readonly contended: boolean;
  /** The talk that it pre-empts. */
  readonly over: string | null;
  /** Its identity was not in `rights` before. */
  readonly isNewRight: boolean;
}

export interface Talk extends Ask {
  /** Number of its TALK_STARTED. */
  readonly seq: number;
  readonly startMs: number;
  readonly contendedTalkMs: number;
  readonly cooldownMs: number;
  /** When `maxTalkMs` is reached. */
  readonly maxAtMs: number;
  /** When the contended limit is reached; null while nobody else asked. */
  readonly contendedAtMs: number | null;
  readonly leaseAtMs: number;
  /** When the reconnect grace ends; null while the socket is there. */
  readonly graceAtMs: number | null;
}

export interface PresentMember {
  readonly connectionId: string;
  readonly processId: string;
  readonly userId: string;
  readonly talk: FloorMember['talk'];
  /** Its socket was replaced: presence ends then, unless the session comes back. */
  readonly swapAtMs: number | null;
}

export interface PresentPerson {
  readonly connections: number;
  /** JSON text `{userId, displayName, role}`. */
  readonly fragment: string;
}

export interface Cooldown {
  readonly startMs: number;
  readonly bindsOrdinary: boolean;
  readonly bindsEmergency: boolean;
}

export const emptyGroup: GroupState = {
  life: null,
  talk: null,
  pending: null,
  rights: [],
  members: new Map(),
  people: new Map(),
  seen: new Set(),
  processes: new Map(),
  dirty: new Map(),
  queue: [],
  log: [],
  cooldown: new Map(),
};

/** Whether nothing of a group needs to be remembered. */
export function isForgettable(state: GroupState): boolean {
  return state.life === null && state.rights.length === 0;
}

/** Who holds or is being given the floor, and for how long without renewal; what Redis shows as `speaker:{g}`. */
export function slotOf(state: GroupState, nowMs: number): { userId: string; ttlMs: number } | null {
  const { pending, talk } = state;
  const slot = pending
    ? { userId: pending.userId, ttlMs: pending.untilMs - nowMs }
    : talk && { userId: talk.userId, ttlMs: talk.leaseAtMs - nowMs };
  return slot && slot.ttlMs > 0 ? slot : null;
}
