import { memberOf } from '../identities.ts';
import type { Guest } from '../room-control.ts';
import { desiredRight, type Floor } from './desired-right.ts';

/** What is not as it should be with somebody in a room. */
export type FindingKind =
  /** No identity that this deployment gives out. */
  | 'unknown_identity'
  /** No member of the group any more, or of a session that has ended. */
  | 'outsider'
  /** May publish without the floor, and has not yet. */
  | 'right_without_floor'
  | 'track_without_floor'
  /** Has the floor and cannot publish. */
  | 'right_lost'
  /** Has the floor and publishes something else than the sound of a microphone. */
  | 'wrong_track'
  /** Has the floor and publishes more than one track. */
  | 'second_track';

export interface Finding {
  readonly identity: string;
  readonly kind: FindingKind;
}

/**
 * Holds everybody in a room against the floor: heard may be exactly one track, sound of a microphone, of the identity
 * that has the floor (media.md "The rule"). Who is just being given it is left to whoever does that.
 */
export function look(guests: readonly Guest[], floor: Floor, outsiders: ReadonlySet<string>): readonly Finding[] {
  return guests.flatMap((guest) => {
    const kind = faultOf(guest, floor, outsiders);
    return kind === null ? [] : [{ identity: guest.identity, kind }];
  });
}

function faultOf(guest: Guest, floor: Floor, outsiders: ReadonlySet<string>): FindingKind | null {
  const { identity, mayPublish, tracks } = guest;
  // The one place that knows which identities there are: a bridge will be another.
  if (memberOf(identity) === null) return 'unknown_identity';
  if (outsiders.has(identity)) return 'outsider';
  switch (desiredRight(identity, floor)) {
    case 'listen':
      if (tracks.length > 0) return 'track_without_floor';
      return mayPublish ? 'right_without_floor' : null;
    case 'speak':
      if (tracks.some(({ isVoice }) => !isVoice)) return 'wrong_track';
      if (tracks.length > 1) return 'second_track';
      return mayPublish ? null : 'right_lost';
    case 'undecided':
      return null;
  }
}
