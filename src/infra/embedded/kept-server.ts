/** A server beside this process that is started again when it ends by itself, until this process stops it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuardedChild } from './guarded-child.ts';

/** Where it reports to; fits a pino logger. */
export interface EmbeddedLog {
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Times in milliseconds. */
export interface KeptServerTimes {
  /** Before it is started again; each further failure doubles it. */
  readonly firstPauseMs: number;
  /** Who lived so long has come up: what failed before counts no more. */
  readonly steadyMs: number;
  /** After so many failures in a row it is given up. */
  readonly mostFailures: number;
}

/** Given up after half a minute of trying. */
const KEPT_SERVER_TIMES: KeptServerTimes = { firstPauseMs: 250, steadyMs: 30_000, mostFailures: 7 };

export interface KeptServerOptions {
  /** As the operator knows it. */
  readonly name: string;
  /** Its output, for who wants to know why it ended. */
  readonly logFile: string;
  /** As it was started first. */
  readonly child: GuardedChild;
  /**
   * Starts it again on the same port and resolves when it answers. Null, with nothing left of it, when it does not, and
   * when `unwanted` says so before. Whatever it throws is a failure too.
   */
  readonly startAgain: (unwanted: AbortSignal) => Promise<GuardedChild | null>;
  readonly log: EmbeddedLog;
  /** Aborted when this process is about to stop: from then on it is not started again. */
  readonly ending: AbortSignal;
  readonly times?: KeptServerTimes;
}

export interface KeptServer {
  /** Resolves when it is gone and will not come again. Later calls join the first. */
  stop(): Promise<void>;
}

/**
 * Watches over a server from now on. One line is logged each time it is there again, and one when it is given up; then
 * the rest of this process goes on as without that server.
 */
export function keepServer(options: KeptServerOptions): KeptServer {
  const { name, logFile, startAgain, log, ending, times = KEPT_SERVER_TIMES } = options;
  const stopping = new AbortController();
  const signal = AbortSignal.any([stopping.signal, ending]);
  let child = options.child;
  let failures = 0;

  /** False when it was given up, or is not wanted any more. */
  async function bringBack(): Promise<boolean> {
    while (failures < times.mostFailures) {
      await sleep(times.firstPauseMs * 2 ** failures, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return false;
      failures += 1;
      const again = await startAgain(signal).catch(() => null);
      if (signal.aborted) {
        await again?.stop();
        return false;
      }
      if (again !== null) {
        child = again;
        return true;
      }
    }
    log.error(
      { server: name, failures, logFile },
      'a server that was started beside this process does not stay up, and is given up: see its log, and start again',
    );
    return false;
  }

  async function watch(): Promise<void> {
    let upAtMs = performance.now();
    for (;;) {
      const end = await child.exited;
      if (signal.aborted) return;
      const endedAtMs = performance.now();
      if (endedAtMs - upAtMs >= times.steadyMs) failures = 0;
      if (!(await bringBack())) return;
      upAtMs = performance.now();
      log.warn(
        { server: name, exitCode: end.code, signal: end.signal, awayMs: Math.round(upAtMs - endedAtMs) },
        'a server that was started beside this process has ended, and was started again',
      );
    }
  }

  const watching = watch();

  async function stop(): Promise<void> {
    stopping.abort();
    await Promise.all([child.stop(), watching]);
  }

  let stopped: Promise<void> | null = null;
  return { stop: () => (stopped ??= stop()) };
}
