import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Alarm } from './timers.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function alarm() {
  const rung: number[] = [];
  return { rung, alarm: new Alarm(() => rung.push(Math.round(performance.now()))) };
}

test('an alarm rings once, when it was set for last, earlier or later', () => {
  const { rung, alarm: one } = alarm();
  one.set(100);
  one.set(50);
  one.set(300);
  expect(one.pending).toBe(true);
  vi.advanceTimersByTime(299);
  expect(rung).toEqual([]);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([300]);
  expect(one.pending).toBe(false);
});

test('an alarm that is put off has one timer', () => {
  const { rung, alarm: one } = alarm();
  for (let count = 0; count < 10; count += 1) {
    one.set(1_000);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(100);
  }
  vi.advanceTimersByTime(2_000);
  expect(rung).toEqual([1_900]);
});

test('an alarm that was cleared, or set to nothing, does not ring', () => {
  const { rung, alarm: one } = alarm();
  one.set(100);
  one.set(200);
  one.clear();
  expect(one.pending).toBe(false);
  one.set(100);
  one.set(null);
  vi.advanceTimersByTime(1_000);
  expect(rung).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});
