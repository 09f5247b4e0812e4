import { cpus, loadavg, release, totalmem, type } from 'node:os';

/** Where and when a result was taken. Without it a figure means nothing. */
export interface Machine {
  readonly takenAt: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly system: string;
  readonly node: string;
  readonly redis: string;
  /** `null` when NEDA was not part of the run. */
  readonly postgres: string | null;
  /** How many processes wanted a core in the last minute, before the run began. Above zero: the machine is shared. */
  readonly loadAtStart: number;
}

/** Describes this machine, now. */
export function describeMachine(versions: { readonly redis: string; readonly postgres: string | null }): Machine {
  return {
    takenAt: new Date().toISOString(),
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.version,
    ...versions,
    loadAtStart: loadavg()[0] ?? 0,
  };
}
