import { expect, it } from 'vitest';
import { createLoginThrottle } from './login-throttle.ts';

function setUp() {
  const time = { nowMs: 0 };
  const throttle = createLoginThrottle(() => time.nowMs);
  const waitMs = (account: string, address: string): number => {
    try {
      throttle.check(account, address);
      return 0;
    } catch (error) {
      return error instanceof Error && 'retryAfterMs' in error ? Number(error.retryAfterMs) : Number.NaN;
    }
  };
  return { time, throttle, waitMs };
}

it('makes an account wait after 5 failures, twice as long each time, for 15 minutes at most', () => {
  const { time, throttle, waitMs } = setUp();
  const waits = [];
  for (let failure = 1; failure <= 14; failure += 1) {
    throttle.failed('alice', `address ${failure}`);
    const wait = waitMs('alice', 'elsewhere');
    waits.push(wait);
    time.nowMs += wait;
    expect(waitMs('alice', 'elsewhere')).toBe(0);
  }
  expect(waits.slice(0, 7)).toEqual([0, 0, 0, 0, 5_000, 10_000, 20_000]);
  expect(waits.at(-1)).toBe(900_000);
});

it('begins anew after an hour without a failure', () => {
  const { time, throttle, waitMs } = setUp();
  for (let failure = 0; failure < 6; failure += 1) throttle.failed('alice', 'here');
  time.nowMs += 3_600_000;
  throttle.failed('alice', 'here');
  expect(waitMs('alice', 'here')).toBe(0);
});

it('keeps accounts and addresses apart', () => {
  const { throttle, waitMs } = setUp();
  for (let failure = 0; failure < 59; failure += 1) throttle.failed(`account ${failure}`, 'here');
  expect(waitMs('alice', 'here')).toBe(0);
  throttle.failed('another', 'here');
  expect(waitMs('alice', 'here')).toBe(60_000);
  expect(waitMs('alice', 'there')).toBe(0);
});
