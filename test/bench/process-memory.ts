import { readFileSync } from 'node:fs';

const RESIDENT = /^VmRSS:\s+(\d+) kB$/m;

/** How many bytes of a process are in memory now. `null` where there is no /proc. */
export function residentBytes(pid: number): number | null {
  if (process.platform !== 'linux') return null;
  return parseStatus(readFileSync(`/proc/${pid}/status`, 'latin1'));
}

/** Reads /proc/<pid>/status, proc(5). Throws when it is something else. */
export function parseStatus(text: string): number {
  const kibibytes = RESIDENT.exec(text)?.[1];
  if (kibibytes === undefined) throw new Error(`not a /proc/<pid>/status: ${text.slice(0, 200)}`);
  return Number(kibibytes) * 1024;
}
