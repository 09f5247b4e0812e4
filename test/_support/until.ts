import { setTimeout as pause } from 'node:timers/promises';

/** A timer that is later than this was kept waiting by the machine. */
const STANDSTILL_MS = 100;

/**
 * Asks `look` again and again until it gives something other than `undefined`, `null` or `false`, and returns that.
 * Throws when `limitMs` has passed: with `describe()` and with the last error of `look`, if there was one. Time for
 * which this process stood still, alone or with the whole machine, does not count: nothing could be seen in it.
 */
export async function until<T>(
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: { readonly limitMs: number; readonly describe: () => string; readonly everyMs?: number },
): Promise<T> {
  const startedAtMs = performance.now();
  const everyMs = options.everyMs ?? 20;
  let stoodStillMs = 0;
  let lastError: unknown;
  for (;;) {
    try {
      const seen = await look();
      if (seen !== undefined && seen !== null && seen !== false) return seen;
      lastError = undefined;
    } catch (error) {
      if (error instanceof StopWaiting) throw error;
      lastError = error;
    }
    if (performance.now() - startedAtMs - stoodStillMs >= options.limitMs) {
      throw new Error(`not within ${options.limitMs} ms: ${options.describe()}`, { cause: lastError });
    }
    const pausedAtMs = performance.now();
    await pause(everyMs);
    const lateMs = performance.now() - pausedAtMs - everyMs;
    if (lateMs > STANDSTILL_MS) stoodStillMs += lateMs;
  }
}

/** Thrown by `look` when waiting longer is pointless, for example because the process has ended. */
export class StopWaiting extends Error {}
