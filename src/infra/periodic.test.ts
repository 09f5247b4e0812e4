import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { createLogger } from './logger.ts';
import { createPeriodic } from './periodic.ts';

const logger = createLogger({ name: 'test', level: 'silent' });

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

/** Work that takes until it is told to end. */
function setUp() {
  const ends: Array<(error?: Error) => void> = [];
  const periodic = createPeriodic({
    name: 'test',
    everyMs: 100,
    logger,
    work: () =>
      new Promise((resolve, reject) => {
        ends.push((error) => (error === undefined ? resolve() : reject(error)));
      }),
  });
  return { ends, periodic };
}

it('runs again and again, never twice at a time', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  await vi.advanceTimersByTimeAsync(99);
  expect(ends).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(ends).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(100);
  expect(ends).toHaveLength(2);
});

it('goes on after a failure', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  await vi.advanceTimersByTimeAsync(100);
  ends[0]?.(new Error('no'));
  await vi.advanceTimersByTimeAsync(100);
  expect(ends).toHaveLength(2);
});

it('runs at once when triggered, and once more when triggered during a run', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  periodic.trigger();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(1);
  periodic.trigger();
  periodic.trigger();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(1);
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(2);
  ends[1]?.();
  await vi.advanceTimersByTimeAsync(50);
  expect(ends).toHaveLength(2);
});

it('tells when a run that began after the question is over', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  await vi.advanceTimersByTimeAsync(100);
  let over = 0;
  for (const _asker of [1, 2]) void periodic.runNow().then(() => (over += 1));
  ends[0]?.();
  await vi.advanceTimersByTimeAsync(0);
  expect(ends).toHaveLength(2);
  expect(over).toBe(0);
  ends[1]?.(new Error('no'));
  await vi.advanceTimersByTimeAsync(0);
  expect(over).toBe(2);
});

it('leaves nobody waiting when it stops', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  await vi.advanceTimersByTimeAsync(100);
  const asked = periodic.runNow();
  const stopped = periodic.stop();
  ends[0]?.();
  await Promise.all([asked, stopped]);
  await periodic.runNow();
  expect(ends).toHaveLength(1);
});

it('stops after the run that is going on', async () => {
  const { ends, periodic } = setUp();
  periodic.start();
  await vi.advanceTimersByTimeAsync(100);
  let isStopped = false;
  const stopped = periodic.stop().then(() => {
    isStopped = true;
  });
  await vi.advanceTimersByTimeAsync(10);
  expect(isStopped).toBe(false);
  ends[0]?.();
  await stopped;
  periodic.trigger();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(ends).toHaveLength(1);
});
