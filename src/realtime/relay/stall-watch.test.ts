import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { StallWatch } from './stall-watch.ts';

let stalledMs: number;
let watch: StallWatch;

beforeEach(() => {
  vi.useFakeTimers();
  stalledMs = 0;
  // Timers stand still in a stall, the clock does not.
  watch = new StallWatch(() => performance.now() + stalledMs);
});
afterEach(() => {
  watch.close();
  vi.useRealTimers();
});

it('a process that is in time is not behind, nor one that was busy for a moment', () => {
  expect(watch.isBehind).toBe(false);
  vi.advanceTimersByTime(60_000);
  expect(watch.isBehind).toBe(false);
  stalledMs += 900;
  expect(watch.isBehind).toBe(false);
  vi.advanceTimersByTime(250);
  expect(watch.isBehind).toBe(false);
});

it('after a stall it is behind, before any timer runs, until its heart beats in time again', () => {
  vi.advanceTimersByTime(1_000);
  stalledMs += 2_000;
  expect(watch.isBehind).toBe(true);
  vi.advanceTimersByTime(250);
  expect(watch.isBehind).toBe(true);
  vi.advanceTimersByTime(250);
  expect(watch.isBehind).toBe(false);
});
