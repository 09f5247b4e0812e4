import { expect, test } from 'vitest';
import { type Kpi, kpiResult } from './samples.ts';

const kpi: Kpi = { name: 'x', title: 'x', bareTitle: 'bare x', targetMs: 300, ratioGoal: 1.5 };

test('times of all rounds make the percentiles, on both sides', () => {
  const { neda, bare } = kpiResult(kpi, [
    { neda: [10, 20], bare: [5] },
    { neda: [30, 400], bare: [7, 6] },
  ]);
  expect(neda).toEqual({ count: 4, p50Ms: 20, p95Ms: 400, highestMs: 400 });
  expect(bare).toEqual({ count: 3, p50Ms: 6, p95Ms: 7, highestMs: 7 });
});

test('a ratio is taken round by round', () => {
  const rounds = [
    { neda: [12], bare: [10] },
    { neda: [130], bare: [100] },
    { neda: [14], bare: [10] },
  ];
  expect(kpiResult(kpi, rounds).ratio).toBeCloseTo(1.3);
});

test('nothing is divided by zero', () => {
  expect(kpiResult(kpi, [{ neda: [4], bare: [0] }]).ratio).toBeNull();
});

test('the target is judged by the share below it', () => {
  expect(kpiResult(kpi, [{ neda: [100, 299, 300, 301], bare: [] }]).withinTarget).toBe(0.5);
  expect(kpiResult({ ...kpi, targetMs: null }, [{ neda: [1], bare: [] }]).withinTarget).toBeNull();
});

test('where LiveKit alone has no such thing there is nothing beside it', () => {
  expect(kpiResult(kpi, [{ neda: [1], bare: [] }])).toMatchObject({ bare: null, ratio: null });
});

test('nothing measured is a failure', () => {
  expect(() => kpiResult(kpi, [])).toThrow(RangeError);
});
