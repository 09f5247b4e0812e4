/** One thing that the doctor looked at. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'FAILED';
  readonly what: string;
  /** What was found and, when it is not well, how to mend it. Never a secret. */
  readonly text: string;
}

export function ok(what: string, text: string): Finding {
  return { level: 'ok', what, text };
}

export function warning(what: string, text: string): Finding {
  return { level: 'warning', what, text };
}

export function failed(what: string, text: string): Finding {
  return { level: 'FAILED', what, text };
}

/** Clocks that differ by more make tokens and times of sessions doubtful. */
const doubtfulMs = 5_000;
/** Tokens of LiveKit live 90 s, with a minute of tolerance. */
const brokenMs = 60_000;

/** @param aheadMs the other clock minus this one's, in milliseconds */
export function judgeClock(what: string, whose: string, aheadMs: number): Finding {
  const apart = Math.abs(aheadMs);
  const text = `the clock of ${whose} is ${(apart / 1000).toFixed(1)} s ${aheadMs < 0 ? 'behind' : 'ahead of'} this machine's`;
  if (apart > brokenMs) return failed(what, `${text}; let both keep time by NTP`);
  if (apart > doubtfulMs) return warning(what, `${text}; let both keep time by NTP`);
  return ok(what, apart < 1_000 ? `the clock of ${whose} agrees with this machine's` : text);
}
