import { expect, test } from 'vitest';
import { median, percentile } from './statistics.ts';

test('a percentile is the nearest rank of the sorted values', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index);
  expect(percentile(values, 0.5)).toBe(100);
  expect(percentile(values, 0.99)).toBe(198);
  expect(percentile(values, 1)).toBe(200);
  expect(percentile([7], 0.5)).toBe(7);
  expect(percentile([3, 1, 2], 0.5)).toBe(2);
});

test('the median of an even count lies between the two in the middle', () => {
  expect(median([9, 1, 4])).toBe(4);
  expect(median([10, 1, 4, 2])).toBe(3);
});

test('nothing has no percentile and no median', () => {
  expect(() => percentile([], 0.5)).toThrow(RangeError);
  expect(() => median([])).toThrow(RangeError);
});
