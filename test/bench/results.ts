import type { Machine } from './machine.ts';
import type { Figures, Row, ServerName } from './rows.ts';
import { median } from './statistics.ts';

/** One server's figures of one row, a figure a round. */
export interface Series {
  readonly rounds: readonly number[];
  readonly median: number;
}

/** The rounds' own ratios: each round's figure over the baseline's in the same round. */
export interface Ratio {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

type Verdict = 'stretch' | 'goal' | 'near: run again' | 'missed';

export interface RowResult {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly goal: number | null;
  readonly stretch: number | null;
  /** `null`: NEDA was not part of the run, or this system cannot tell. So with the other fields. */
  readonly neda: Series | null;
  /** What `base` is of. */
  readonly baseline: Row['baseline'];
  readonly base: Series | null;
  readonly twin: Series | null;
  readonly ratio: Ratio | null;
  readonly twinRatio: Ratio | null;
  readonly verdict: Verdict | null;
}

export interface BenchResult {
  readonly machine: Machine;
  readonly short: boolean;
  readonly rounds: number;
  readonly rows: readonly RowResult[];
  /** What weighs on the trust in the figures. */
  readonly warnings: readonly string[];
}

/** What was measured of each server, in the order of the rounds. */
export type MeasuredRounds = Readonly<Partial<Record<ServerName, readonly Figures[]>>>;

/** What came of a workload. */
export interface Measured {
  readonly rounds: MeasuredRounds;
  /** What weighs on the trust in the figures. */
  readonly warnings: readonly string[];
}

/** One row out of what was measured for its workload. */
export function rowResult(row: Row, rounds: MeasuredRounds): RowResult {
  const neda = seriesOf(row, rounds.neda);
  const base = row.baseline === null ? null : seriesOf(row, rounds[row.baseline]);
  const twin = row.baseline === 'bare' ? seriesOf(row, rounds.twin) : null;
  const ratio = ratioOf(neda, base);
  return {
    name: row.name,
    title: row.title,
    unit: row.unit,
    goal: row.goal,
    stretch: row.stretch,
    neda,
    baseline: row.baseline,
    base,
    twin,
    ratio,
    twinRatio: ratioOf(twin, base),
    // Where there is no baseline the worst round counts, not the middle one.
    verdict: verdictOf(row, row.baseline === null ? worstOf(neda) : (ratio?.median ?? null)),
  };
}

function seriesOf(row: Row, measured: readonly Figures[] = []): Series | null {
  const rounds = measured.flatMap((figures) => figures[row.figure] ?? []);
  return rounds.length === 0 ? null : { rounds, median: median(rounds) };
}

function worstOf(series: Series | null): number | null {
  return series === null ? null : Math.max(...series.rounds);
}

function ratioOf(series: Series | null, bare: Series | null): Ratio | null {
  if (series === null || bare === null) return null;
  const ratios = series.rounds.flatMap((figure, round) => {
    const base = bare.rounds[round];
    return base === undefined || base === 0 ? [] : [figure / base];
  });
  if (ratios.length === 0) return null;
  return { median: median(ratios), lowest: Math.min(...ratios), highest: Math.max(...ratios) };
}

function verdictOf({ goal, stretch, noise }: Row, figure: number | null): Verdict | null {
  if (figure === null || goal === null) return null;
  if (stretch !== null && figure <= stretch) return 'stretch';
  if (figure <= goal) return 'goal';
  return figure <= goal * (1 + noise) ? 'near: run again' : 'missed';
}
