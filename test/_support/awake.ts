import { setTimeout as pause } from 'node:timers/promises';
import { StandstillWatch } from '../../clients/headless/standstill.ts';

const SLICE_MS = 20;
/** A server that stood still for a second takes what it reads for old sound, until its heart has beaten in time again. */
const LONG_MS = 700;
const CATCH_UP_MS = 600;

const watch = new StandstillWatch();

/** Returns when servers of this machine, should it have stood still, have noticed and do their work as usual again. */
export async function caughtUp(): Promise<void> {
  while (watch.sinceStandstillOf(LONG_MS) < CATCH_UP_MS) await pause(SLICE_MS);
}

/**
 * Lets so much time go by in which this process runs: not counted is time for which it stood still, in which nothing
 * that came could be read.
 */
export async function awakeFor(ms: number): Promise<void> {
  for (let leftMs = ms; leftMs > 0;) {
    const sliceMs = Math.min(leftMs, SLICE_MS);
    const fromMs = performance.now();
    await pause(sliceMs);
    leftMs -= Math.min(performance.now() - fromMs, 2 * SLICE_MS);
  }
}
