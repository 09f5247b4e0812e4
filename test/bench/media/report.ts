import type { Machine } from '../machine.ts';
import { textTable } from '../text-table.ts';
import type { KpiResult, Times } from './samples.ts';

export interface MediaBenchResult {
  readonly machine: Machine;
  readonly short: boolean;
  readonly rounds: number;
  readonly kpis: readonly KpiResult[];
}

const HEADINGS = [
  'KPI',
  'NEDA p50/p95',
  'beside it p50/p95',
  'ratio p50',
  'goal',
  'target',
  'within',
  'n',
  '',
] as const;

/** The result as text for a terminal. */
export function reportText({ machine, short, rounds, kpis }: MediaBenchResult): string {
  const lines = [
    `taken ${machine.takenAt} on ${machine.cpu}, ${machine.cores} cores, ${(machine.memoryBytes / 2 ** 30).toFixed(0)} GiB, ${machine.system}`,
    `Node ${machine.node}; load at start ${machine.loadAtStart.toFixed(2)}; ${rounds} rounds, interleaved; milliseconds`,
    '',
    ...textTable([HEADINGS, ...kpis.map(cells)]),
    '',
    'Beside NEDA stands LiveKit alone in the same run, by the same clients:',
    ...kpis.map(({ name, bareTitle }) => `  ${name}: ${bareTitle}`),
  ];
  if (short) lines.push('SHORT FORM: rounds this few prove that everything runs and say nothing about speed.');
  return `${lines.join('\n')}\n`;
}

function cells(kpi: KpiResult): string[] {
  return [
    kpi.name,
    timesText(kpi.neda),
    kpi.bare === null ? '-' : timesText(kpi.bare),
    kpi.ratio === null ? '-' : kpi.ratio.toFixed(2),
    kpi.ratioGoal === null ? '-' : `≤ ${kpi.ratioGoal}`,
    kpi.targetMs === null ? '-' : `95 % < ${kpi.targetMs} ms`,
    kpi.withinTarget === null ? '-' : `${(100 * kpi.withinTarget).toFixed(0)} %`,
    String(kpi.neda.count),
    kpi.title,
  ];
}

function timesText({ p50Ms, p95Ms }: Times): string {
  return `${p50Ms.toFixed(1)}/${p95Ms.toFixed(1)}`;
}
