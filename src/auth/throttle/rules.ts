/** What failed attempts are counted by. Source: the contract's "Limits". */
export type AttemptKind = keyof typeof attemptRules;

export interface AttemptRule {
  /** So many failures cost no wait. */
  readonly freeFailures: number;
  /** After so many milliseconds the count is zero again … */
  readonly forgetAfterMs: number;
  /** … since the first failure, or since the last one. */
  readonly since: 'first' | 'last';
  /** How long the next attempt waits after the last failure; what is forgotten waits no longer. */
  readonly waitMs: (failures: number) => number;
  /** Whether one success makes up for all failures. */
  readonly isForgottenBySuccess: boolean;
}

const firstWaitMs = 5_000;
const longestWaitMs = 15 * 60_000;

function perMinute(freeFailures: number): AttemptRule {
  return {
    freeFailures,
    forgetAfterMs: 60_000,
    since: 'first',
    waitMs: (failures) => (failures < freeFailures ? 0 : Infinity),
    isForgottenBySuccess: false,
  };
}

export const attemptRules = {
  login_account: {
    freeFailures: 5,
    forgetAfterMs: 60 * 60_000,
    since: 'last',
    waitMs: (failures) => (failures < 5 ? 0 : Math.min(firstWaitMs * 2 ** (failures - 5), longestWaitMs)),
    isForgottenBySuccess: true,
  },
  login_address: perMinute(60),
  pairing_address: perMinute(10),
} as const satisfies Record<string, AttemptRule>;

/** One account or address, and what is tried with it. */
export interface AttemptKey {
  readonly kind: AttemptKind;
  /** Hashed before it is stored. */
  readonly name: string;
}
