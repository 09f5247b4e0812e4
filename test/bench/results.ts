import type { Machine } from './machine.ts';
import type { Row, Segment } from './rows.ts';
import { median } from './statistics.ts';

/** One server's figures of one row, a figure a round. */
export interface Series {
  readonly rounds: readonly number[];
  readonly median: number;
}

/** The rounds' own ratios: each round's figure over the bare server's in the same round. */
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
  readonly goal: number;
  readonly stretch: number;
  /** `null`: NEDA was not part of the run, or this system cannot tell. So with the other fields. */
  readonly neda: Series | null;
  readonly bare: Series | null;
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
export interface MeasuredSegments {
  readonly neda: readonly Segment[];
  readonly bare: readonly Segment[];
  readonly twin: readonly Segment[];
}

/** One row out of its workload's segments. */
export function rowResult(row: Row, segments: MeasuredSegments): RowResult {
  const neda = seriesOf(row, segments.neda);
  const bare = seriesOf(row, segments.bare);
  const twin = seriesOf(row, segments.twin);
  const ratio = ratioOf(neda, bare);
  return {
    name: row.name,
    title: row.title,
    unit: row.unit,
    goal: row.goal,
    stretch: row.stretch,
    neda,
    bare,
    twin,
    ratio,
    twinRatio: ratioOf(twin, bare),
    verdict: ratio === null ? null : verdictOf(row, ratio.median),
  };
}

function seriesOf(row: Row, segments: readonly Segment[]): Series | null {
  const rounds: number[] = [];
  for (const segment of segments) {
    const figure = row.figure(segment);
    if (figure !== null) rounds.push(figure);
  }
  return rounds.length === 0 ? null : { rounds, median: median(rounds) };
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

function verdictOf(row: Row, ratio: number): Verdict {
  if (ratio <= row.stretch) return 'stretch';
  if (ratio <= row.goal) return 'goal';
  return ratio <= row.goal * (1 + row.noise) ? 'near: run again' : 'missed';
}
