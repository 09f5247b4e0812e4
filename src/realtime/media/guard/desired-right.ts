import type { Publishers } from '../../floor/index.ts';

export type Floor = Pick<Publishers, 'talk' | 'reserved'>;

/** Nobody has the floor. */
export const freeFloor: Floor = { talk: null, reserved: null };

/**
 * What an identity may do by the floor. `undecided`: it is being given the floor, or somebody is taking its place, so
 * whoever drives that sets its right; a moment later it is one or the other.
 */
export function desiredRight(identity: string, { talk, reserved }: Floor): 'speak' | 'listen' | 'undecided' {
  if (reserved?.identity === identity) return 'undecided';
  if (talk?.identity !== identity) return 'listen';
  return reserved?.over === talk.talkId ? 'undecided' : 'speak';
}
