import { expect, test } from 'vitest';
import { parseSchedstat, processCpuUs } from './process-cpu.ts';

test('the time on the processor is the first of three numbers, in nanoseconds', () => {
  expect(parseSchedstat('450634616 1632059 17\n')).toBe(450_634.616);
  expect(() => parseSchedstat('450634616')).toThrow('450634616');
});

test('a process that works uses processor time', () => {
  const before = processCpuUs(process.pid);
  const startedUs = process.cpuUsage();
  let work = 0;
  for (let used = 0; used < 50_000;) {
    work += 1;
    const { user, system } = process.cpuUsage(startedUs);
    used = user + system;
  }
  const after = processCpuUs(process.pid);
  expect(work).toBeGreaterThan(0);
  // Where the system keeps no account there is none.
  expect(before === null || after === null || after - before > 25_000).toBe(true);
});
