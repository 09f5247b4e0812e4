import { expect, test } from 'vitest';
import { parseStatus, residentBytes } from './process-memory.ts';

test('the memory of a process is what is resident, in kibibytes', () => {
  expect(parseStatus('Name:\tnode\nVmPeak:\t  900 kB\nVmRSS:\t   42 kB\nThreads:\t7\n')).toBe(42 * 1024);
  expect(() => parseStatus('Name:\tnode\n')).toThrow('status');
});

test('a running process is in memory', () => {
  expect(residentBytes(process.pid)).not.toBe(0);
});
