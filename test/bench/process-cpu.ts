import { readdirSync, readFileSync } from 'node:fs';
import { until } from '../_support/until.ts';

const NANOSECONDS_PER_MICROSECOND = 1_000;
const IDLE_WINDOW_MS = 100;
const IDLE_CPU_US = 10_000;
const IDLE_LIMIT_MS = 10_000;

/**
 * The processor time that the living threads of a process have used, user and system, in microseconds. From the
 * scheduler's own account: the ticks of /proc/<pid>/stat are too coarse for some of what is measured. `null` where
 * there is no such account.
 */
export function processCpuUs(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  const tasks = `/proc/${pid}/task`;
  let sumUs = 0;
  for (const thread of readdirSync(tasks)) {
    const line = readIfThere(`${tasks}/${thread}/schedstat`);
    if (line !== null) sumUs += parseSchedstat(line);
  }
  return sumUs === 0 ? null : sumUs;
}

/** Reads one line of /proc/<pid>/task/<thread>/schedstat. Throws when it is something else. */
export function parseSchedstat(line: string): number {
  const onCpuNs = /^(\d+) \d+ \d+\s*$/.exec(line)?.[1];
  if (onCpuNs === undefined) throw new Error(`not a line of schedstat: ${line}`);
  return Number(onCpuNs) / NANOSECONDS_PER_MICROSECOND;
}

/** `null` when the thread has ended, or the kernel keeps no such account. */
function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return null;
    throw error;
  }
}

/** As `processCpuUs`, of several processes together. */
export function allCpuUs(pids: readonly number[]): number | null {
  let sumUs = 0;
  for (const pid of pids) {
    const cpuUs = processCpuUs(pid);
    if (cpuUs === null) return null;
    sumUs += cpuUs;
  }
  return sumUs;
}

/** Waits for a stretch in which the processes used next to no processor time. */
export async function untilIdle(pids: readonly number[]): Promise<void> {
  let lastUs = Number.NEGATIVE_INFINITY;
  await until(
    () => {
      const cpuUs = allCpuUs(pids) ?? lastUs;
      const idle = cpuUs - lastUs <= IDLE_CPU_US * pids.length;
      lastUs = cpuUs;
      return idle;
    },
    { limitMs: IDLE_LIMIT_MS, everyMs: IDLE_WINDOW_MS, describe: () => `processes ${pids.join(', ')} come to rest` },
  );
}
