/** Why a packet did not reach whom it was for. */
export type DropReason =
  /** No talk has this stream here: not granted, over, or its talker has lost his socket. */
  | 'no_talk'
  /** The stream of somebody else's talk. */
  | 'other_connection'
  /** The lease of the talk could not be renewed in time. */
  | 'lapsed'
  /** Over the limits of the contract. */
  | 'too_much'
  /** The floor is being given to somebody who is heard over the media server. */
  | 'hushed'
  /** This process was stopped or busy for so long that what it reads now is old. */
  | 'late'
  /** Counted for each listener who reads too slowly. */
  | 'slow_listener'
  /** It could not be sent to the other processes. */
  | 'bus_away';

/** Why the relay ended a talk. */
export type FailureReason = 'silence' | 'too_much';

/** What the relay counts, as plain numbers: reading them is the business of whoever exports metrics. */
export interface RelayCounters {
  /** Of talkers of this process. */
  accepted: number;
  acceptedBytes: number;
  /** Binary messages that are no audio packets. */
  malformed: number;
  /** Written to sockets of this process, once for each. */
  delivered: number;
  /** Sent to other processes, once each however many there are. */
  published: number;
  /** Come from other processes. */
  received: number;
  readonly dropped: Record<DropReason, number>;
  readonly ended: Record<FailureReason, number>;
}

export function createRelayCounters(): RelayCounters {
  return {
    accepted: 0,
    acceptedBytes: 0,
    malformed: 0,
    delivered: 0,
    published: 0,
    received: 0,
    dropped: {
      no_talk: 0,
      other_connection: 0,
      lapsed: 0,
      too_much: 0,
      hushed: 0,
      late: 0,
      slow_listener: 0,
      bus_away: 0,
    },
    ended: { silence: 0, too_much: 0 },
  };
}
