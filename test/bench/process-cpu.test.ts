import { expect, test } from 'vitest';
import { parseStat } from './process-cpu.ts';

test('user and system time are found behind a program name with spaces and parentheses', () => {
  const line = '4242 (a (b) c) R 1 4242 4242 0 -1 4194304 9 0 0 0 150 25 7 8 20 0 11 0 123456 1000 100 184467';
  expect(parseStat(line)).toBe((150 + 25) * 10_000);
});

test('another text is refused', () => {
  expect(() => parseStat('nothing of the kind')).toThrow(/proc/);
});
