import { describe, expect, it } from 'vitest';
import { afterClose, reconnectDelayMs, renewalDelayMs } from './schedule.ts';

describe('the time to the next try', () => {
  it.each([0, 0.5, 1])('is at most 300 ms for a talker at first (chance %d)', (random) => {
    const delayMs = reconnectDelayMs(0, true, random);
    expect(delayMs).toBeGreaterThan(0);
    expect(delayMs).toBeLessThanOrEqual(300);
  });

  it('doubles, up to 30 s', () => {
    const longest = Array.from({ length: 9 }, (_, attempt) => reconnectDelayMs(attempt, false, 1));
    expect(longest).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
    expect(reconnectDelayMs(1_000, true, 1)).toBe(30_000);
  });

  it('is half by chance', () => {
    expect(reconnectDelayMs(4, false, 0)).toBe(4_000);
    expect(reconnectDelayMs(4, false, 0.5)).toBe(6_000);
  });
});

it('fetches a fresh token a minute before the end, and halfway when it lives for less than two', () => {
  expect(renewalDelayMs(600_000)).toBe(540_000);
  expect(renewalDelayMs(10_000)).toBe(5_000);
});

describe('after a close', () => {
  it.each([
    [1006, 'retry'],
    [1000, 'retry'],
    [4000, 'retry'],
    [4001, 'renew_token'],
    [4002, 'retry'],
    [4003, 'retry'],
    [4499, 'retry'],
    [4500, 'renew_token'],
    [4503, 'sign_in'],
    [4504, 'sign_in'],
    [4505, 'stop'],
    [4506, 'stop'],
    [4999, 'stop'],
  ] as const)('%d: %s', (code, what) => {
    expect(afterClose(code)).toBe(what);
  });
});
