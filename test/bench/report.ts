import type { BenchResult, Ratio, RowResult, Series } from './results.ts';
import { textTable } from './text-table.ts';

const HEADINGS = ['row', 'NEDA', 'baseline', 'ratio', 'bare/twin', 'goal', 'stretch', 'verdict', ''] as const;

/** The result as text for a terminal: where it was taken, the table, how to read it. */
export function reportText(result: BenchResult): string {
  const { machine } = result;
  const stores =
    machine.postgres === null ? `Redis ${machine.redis}` : `Redis ${machine.redis}, PostgreSQL ${machine.postgres}`;
  const lines = [
    `taken ${machine.takenAt} on ${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}`,
    `Node ${machine.node}, ${stores}; load at start ${machine.loadAtStart.toFixed(2)}; ${result.rounds} rounds, interleaved`,
    '',
    ...textTable([HEADINGS, ...result.rows.map(cells)]),
    '',
    "A figure is the median of its rounds. A ratio is the median of the rounds' own ratios to the baseline of the row,",
    'with the lowest and highest; bare/twin is the same between two bare servers: what this machine alone does.',
  ];
  if (result.short) lines.push('SHORT FORM: loads this small prove that everything runs and say nothing about speed.');
  for (const warning of result.warnings) lines.push(`WARNING: ${warning}`);
  return `${lines.join('\n')}\n`;
}

function cells(row: RowResult): string[] {
  return [
    row.name,
    row.baseline === null ? worstText(row.neda, row.unit) : figureText(row.neda, row.unit),
    row.base === null ? '-' : `${figureText(row.base, row.unit)} ${row.baseline}`,
    ratioText(row.ratio),
    ratioText(row.twinRatio),
    limitText(row.goal),
    limitText(row.stretch),
    row.verdict ?? '-',
    row.title,
  ];
}

function figureText(series: Series | null, unit: string): string {
  if (series === null) return '-';
  const digits = series.median < 100 && !Number.isInteger(series.median) ? 2 : 0;
  return `${series.median.toFixed(digits)} ${unit}`;
}

/** Where a figure counts by itself, its worst round does. */
function worstText(series: Series | null, unit: string): string {
  return series === null ? '-' : `${Math.max(...series.rounds)} ${unit}`;
}

function limitText(limit: number | null): string {
  return limit === null ? '-' : `≤ ${limit}`;
}

function ratioText(ratio: Ratio | null): string {
  if (ratio === null) return '-';
  return `${ratio.median.toFixed(2)} (${ratio.lowest.toFixed(2)}–${ratio.highest.toFixed(2)})`;
}
