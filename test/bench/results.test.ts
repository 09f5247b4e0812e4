import { expect, test } from 'vitest';
import { rowResult } from './results.ts';
import type { Figures, Row } from './rows.ts';

const size = { groups: 1, listenersPerGroup: 1, talksPerGroup: 1 };
const row: Row = {
  name: 'x',
  title: 'x',
  workload: { kind: 'talks', until: 'granted', full: size, short: size },
  unit: 'µs',
  figure: 'p50Us',
  baseline: 'bare',
  goal: 1.4,
  stretch: 1.1,
  noise: 0.1,
};

function roundsOf(...p50s: number[]): Figures[] {
  return p50s.map((p50Us) => ({ p50Us }));
}

test('a ratio is taken round by round, so that a disturbed round disturbs both of its figures', () => {
  const result = rowResult(row, {
    neda: roundsOf(120, 1_300, 125),
    bare: roundsOf(100, 1_000, 100),
    twin: roundsOf(100, 990, 101),
  });
  expect(result.ratio).toEqual({ median: 1.25, lowest: 1.2, highest: 1.3 });
  expect(result.twinRatio).toEqual({ median: 1, lowest: 0.99, highest: 1.01 });
  expect(result.neda?.median).toBe(125);
  expect(result.base?.median).toBe(100);
});

test.each([
  [109, 'stretch'],
  [139, 'goal'],
  [153, 'near: run again'],
  [156, 'missed'],
])('%i over 100 is judged: %s', (figure, verdict) => {
  const result = rowResult(row, { neda: roundsOf(figure), bare: roundsOf(100), twin: [] });
  expect(result.verdict).toBe(verdict);
});

test('what the system cannot tell has neither ratio nor verdict', () => {
  const cpuRow: Row = { ...row, figure: 'cpuUsPerDelivery' };
  const result = rowResult(cpuRow, { neda: roundsOf(1), bare: roundsOf(1), twin: roundsOf(1) });
  expect(result).toMatchObject({ neda: null, base: null, ratio: null, verdict: null });
});

test('a row is compared with the baseline that it names, and only the bare server has a twin', () => {
  const rounds = { neda: roundsOf(120), bare: roundsOf(60), twin: roundsOf(61), net: roundsOf(100) };
  expect(rowResult({ ...row, baseline: 'net' }, rounds)).toMatchObject({
    ratio: { median: 1.2 },
    twin: null,
    twinRatio: null,
    verdict: 'goal',
  });
});

test('a row without a goal has a ratio and no verdict', () => {
  const result = rowResult({ ...row, goal: null, stretch: null }, { neda: roundsOf(150), bare: roundsOf(100) });
  expect(result).toMatchObject({ ratio: { median: 1.5 }, verdict: null });
});

test('of a figure that counts by itself the worst round is judged', () => {
  const lost: Row = { ...row, figure: 'lost', baseline: null, goal: 0, stretch: 0, noise: 0 };
  const judge = (...counts: number[]) => rowResult(lost, { neda: counts.map((count) => ({ lost: count })) }).verdict;
  expect(judge(0, 0, 0)).toBe('stretch');
  expect(judge(0, 1, 0)).toBe('missed');
});
