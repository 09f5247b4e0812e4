import { setTimeout as pause } from 'node:timers/promises';

const SLICE_MS = 20;

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
