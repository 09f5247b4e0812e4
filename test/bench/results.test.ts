import { expect, test } from 'vitest';
import { rowResult } from './results.ts';
import type { Row, Segment } from './rows.ts';

const size = { groups: 1, listenersPerGroup: 1, talksPerGroup: 1 };
const row: Row = {
  name: 'x',
  title: 'x',
  workload: { until: 'granted', full: size, short: size },
  unit: 'µs',
  figure: (segment) => segment.latencyP50Us,
  goal: 1.4,
  stretch: 1.1,
  noise: 0.1,
};

function segmentsOf(...latencies: number[]): Segment[] {
  return latencies.map((latencyP50Us) => ({
    latencyP50Us,
    latencyP99Us: 0,
    talks: 1,
    deliveries: 1,
    elapsedMs: 1,
    generatorCpuUs: 1,
    parsedCount: 0,
    serverCpuUs: null,
  }));
}

test('a ratio is taken round by round, so that a disturbed round disturbs both of its figures', () => {
  const result = rowResult(row, {
    neda: segmentsOf(120, 1_300, 125),
    bare: segmentsOf(100, 1_000, 100),
    twin: segmentsOf(100, 990, 101),
  });
  expect(result.ratio).toEqual({ median: 1.25, lowest: 1.2, highest: 1.3 });
  expect(result.twinRatio).toEqual({ median: 1, lowest: 0.99, highest: 1.01 });
  expect(result.neda?.median).toBe(125);
  expect(result.bare?.median).toBe(100);
});

test.each([
  [109, 'stretch'],
  [139, 'goal'],
  [153, 'near: run again'],
  [156, 'missed'],
])('%i over 100 is judged: %s', (figure, verdict) => {
  const result = rowResult(row, { neda: segmentsOf(figure), bare: segmentsOf(100), twin: [] });
  expect(result.verdict).toBe(verdict);
});

test('what the system cannot tell has neither ratio nor verdict', () => {
  const cpuRow: Row = { ...row, figure: (segment) => segment.serverCpuUs };
  const result = rowResult(cpuRow, { neda: segmentsOf(1), bare: segmentsOf(1), twin: segmentsOf(1) });
  expect(result).toMatchObject({ neda: null, bare: null, ratio: null, verdict: null });
});
