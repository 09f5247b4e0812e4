import { median, percentile } from '../statistics.ts';

/** What one round came to: a list of times for each KPI and side, in milliseconds. */
export interface Round {
  readonly neda: readonly number[];
  /** The same with LiveKit alone; empty where LiveKit alone has no such thing. */
  readonly bare: readonly number[];
}

export interface Times {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly highestMs: number;
}

/** A time that people notice, and what it is held to. */
export interface Kpi {
  readonly name: string;
  readonly title: string;
  /** What stands beside it. */
  readonly bareTitle: string;
  /** Of media.md: 95 of 100 are to be below it, in milliseconds. `null`: nothing was set. */
  readonly targetMs: number | null;
  /** Of quality.md: p50 over the bare p50 of the same round. `null`: nothing was set. */
  readonly ratioGoal: number | null;
}

export interface KpiResult extends Kpi {
  readonly neda: Times;
  readonly bare: Times | null;
  /** The middle of the rounds' own ratios of p50. */
  readonly ratio: number | null;
  /** Share of NEDA's times below the target. */
  readonly withinTarget: number | null;
}

/** One KPI out of its rounds. Throws a RangeError when nothing was measured. */
export function kpiResult(kpi: Kpi, rounds: readonly Round[]): KpiResult {
  const neda = rounds.flatMap((round) => round.neda);
  const bare = rounds.flatMap((round) => round.bare);
  const ratios = rounds
    .filter((round) => round.neda.length > 0 && round.bare.length > 0)
    .map((round) => ({ nedaMs: percentile(round.neda, 0.5), bareMs: percentile(round.bare, 0.5) }))
    // Silence may be there before it was asked for.
    .flatMap(({ nedaMs, bareMs }) => (bareMs > 0 ? nedaMs / bareMs : []));
  const { targetMs } = kpi;
  return {
    ...kpi,
    neda: timesOf(neda),
    bare: bare.length === 0 ? null : timesOf(bare),
    ratio: ratios.length === 0 ? null : median(ratios),
    withinTarget: targetMs === null ? null : neda.filter((ms) => ms < targetMs).length / neda.length,
  };
}

function timesOf(ms: readonly number[]): Times {
  return {
    count: ms.length,
    p50Ms: percentile(ms, 0.5),
    p95Ms: percentile(ms, 0.95),
    highestMs: percentile(ms, 1),
  };
}
