import type { FindingKind } from './look.ts';

/** What the guard counts, as plain numbers: reading them is the business of whoever exports metrics. */
export interface GuardCounters {
  /** By kind; `silent_talker`: had published and is seen without a track. */
  readonly findings: Record<FindingKind | 'silent_talker', number>;
  readonly webhooks: Record<'taken' | 'repeated' | 'stale' | 'refused', number>;
}

export function createGuardCounters(): GuardCounters {
  return {
    findings: {
      unknown_identity: 0,
      outsider: 0,
      right_without_floor: 0,
      track_without_floor: 0,
      right_lost: 0,
      wrong_track: 0,
      second_track: 0,
      silent_talker: 0,
    },
    webhooks: { taken: 0, repeated: 0, stale: 0, refused: 0 },
  };
}
