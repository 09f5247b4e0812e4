import { setTimeout as pause } from 'node:timers/promises';

/**
 * Asks `look` again and again until it gives something other than `undefined`, `null` or `false`, and returns that.
 * Throws when `limitMs` has passed: with `describe()` and with the last error of `look`, if there was one.
 */
export async function until<T>(
  look: () => Promise<T | undefined | null | false> | T | undefined | null | false,
  options: { readonly limitMs: number; readonly describe: () => string; readonly everyMs?: number },
): Promise<T> {
  const startedAtMs = performance.now();
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
    if (performance.now() - startedAtMs >= options.limitMs) {
      throw new Error(`not within ${options.limitMs} ms: ${options.describe()}`, { cause: lastError });
    }
    await pause(options.everyMs ?? 20);
  }
}

/** Thrown by `look` when waiting longer is pointless, for example because the process has ended. */
export class StopWaiting extends Error {}
