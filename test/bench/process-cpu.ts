import { readFileSync } from 'node:fs';

/** Linux counts a process's time in ticks of a hundredth of a second, whatever the kernel's own clock rate is. */
const MICROSECONDS_PER_TICK = 10_000;
const USER_TICKS_FIELD = 11;
const SYSTEM_TICKS_FIELD = 12;

/**
 * The processor time that a process has used since it started, all its threads, user and system, in microseconds and
 * steps of 10 ms. `null` where there is no /proc.
 */
export function processCpuUs(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  return parseStat(readFileSync(`/proc/${pid}/stat`, 'latin1'));
}

/** Reads one line of /proc/<pid>/stat, proc(5). Throws when it is something else. */
export function parseStat(line: string): number {
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = line.slice(line.lastIndexOf(')') + 2).split(' ');
  const ticks = Number(fields[USER_TICKS_FIELD]) + Number(fields[SYSTEM_TICKS_FIELD]);
  if (!Number.isFinite(ticks)) throw new Error(`not a line of /proc/<pid>/stat: ${line}`);
  return ticks * MICROSECONDS_PER_TICK;
}
