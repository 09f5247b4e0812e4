import { describe, expect, it } from 'vitest';
import { type TimedEntry, TimerWheel } from './timer-wheel.ts';

function setUp() {
  let nowMs = 50_000;
  const wheel = new TimerWheel(() => nowMs);
  return {
    wheel,
    now: () => nowMs,
    /** Lets time pass in steps of 100 ms, as the wheel's own timer does. */
    pass(ms: number) {
      for (const end = nowMs + ms; nowMs < end;) {
        nowMs += Math.min(100, end - nowMs);
        wheel.turn();
      }
    },
    /** Lets time pass in one step: the loop was blocked. */
    jump(ms: number) {
      nowMs += ms;
      wheel.turn();
    },
  };
}

function entry(onDue: (nowMs: number) => number | null = () => null): TimedEntry & { readonly dueAt: number[] } {
  const dueAt: number[] = [];
  return {
    dueAt,
    dueAtMs: 0,
    wheelSlot: -1,
    onDue: (nowMs) => {
      dueAt.push(nowMs);
      return onDue(nowMs);
    },
  };
}

describe('TimerWheel', () => {
  it.each([1, 99, 100, 101, 5_000, 102_400, 102_401, 250_000, 3_600_000])(
    'calls once, not before %i ms and at most a tick later',
    (dueMs) => {
      const { wheel, now, pass } = setUp();
      const one = entry();
      const startMs = now();
      wheel.schedule(one, startMs + dueMs);
      pass(dueMs + 300);
      expect(one.dueAt).toHaveLength(1);
      const tookMs = (one.dueAt[0] ?? 0) - startMs;
      expect(tookMs).toBeGreaterThanOrEqual(dueMs);
      expect(tookMs).toBeLessThanOrEqual(dueMs + 200);
    },
  );

  it('goes on with the deadline that is returned', () => {
    const { wheel, now, pass } = setUp();
    const one = entry((nowMs) => nowMs + 500);
    wheel.schedule(one, now() + 500);
    pass(5_100);
    expect(one.dueAt.length).toBeGreaterThanOrEqual(8);
    expect(one.dueAt.length).toBeLessThanOrEqual(10);
  });

  it('moves a deadline, sooner or later, and drops one', () => {
    const { wheel, now, pass } = setUp();
    const [sooner, later, dropped] = [entry(), entry(), entry()];
    for (const one of [sooner, later, dropped]) wheel.schedule(one, now() + 1_000);
    wheel.schedule(sooner, now() + 300);
    wheel.schedule(later, now() + 2_000);
    wheel.cancel(dropped);
    pass(1_500);
    expect([sooner, later, dropped].map(({ dueAt }) => dueAt.length)).toEqual([1, 0, 0]);
    pass(1_000);
    expect(later.dueAt).toHaveLength(1);
  });

  it('lets one deadline drop another of the same moment', () => {
    const { wheel, now, pass } = setUp();
    const second = entry();
    const first = entry(() => {
      wheel.cancel(second);
      return null;
    });
    for (const one of [first, second]) wheel.schedule(one, now() + 300);
    pass(600);
    expect(second.dueAt).toHaveLength(0);
  });

  it('waits a turn after the loop was blocked, then misses nothing', () => {
    const { wheel, now, jump, pass } = setUp();
    const entries = [300, 4_000, 150_000].map((dueMs) => {
      const one = entry();
      wheel.schedule(one, now() + dueMs);
      return one;
    });
    jump(200_000);
    expect(entries.flatMap(({ dueAt }) => dueAt)).toEqual([]);
    pass(200);
    expect(entries.map(({ dueAt }) => dueAt.length)).toEqual([1, 1, 1]);
  });
});
