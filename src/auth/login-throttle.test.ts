import { expect, it } from 'vitest';
import { createLoginThrottle } from './login-throttle.ts';

function setUp() {
  const time = { nowMs: 0 };
  const throttle = createLoginThrottle(() => time.nowMs);
  const fail = async (account: string, address: string): Promise<void> =>
    (await throttle.begin(account, address)).failed();
  const waitMs = async (account: string, address: string): Promise<number> => {
    try {
      (await throttle.begin(account, address)).end();
      return 0;
    } catch (error) {
      return error instanceof Error && 'retryAfterMs' in error ? Number(error.retryAfterMs) : Number.NaN;
    }
  };
  return { time, throttle, fail, waitMs };
}

it('makes an account wait after 5 failures, twice as long each time, for 15 minutes at most', async () => {
  const { time, fail, waitMs } = setUp();
  const waits = [];
  for (let failure = 1; failure <= 14; failure += 1) {
    await fail('alice', `address ${failure}`);
    const wait = await waitMs('alice', 'elsewhere');
    waits.push(wait);
    time.nowMs += wait;
    expect(await waitMs('alice', 'elsewhere')).toBe(0);
  }
  expect(waits.slice(0, 7)).toEqual([0, 0, 0, 0, 5_000, 10_000, 20_000]);
  expect(waits.at(-1)).toBe(900_000);
});

it('begins anew after an hour without a failure', async () => {
  const { time, fail, waitMs } = setUp();
  for (let failure = 0; failure < 5; failure += 1) await fail('alice', 'here');
  time.nowMs += 3_600_000;
  await fail('alice', 'here');
  expect(await waitMs('alice', 'here')).toBe(0);
});

it('keeps accounts and addresses apart', async () => {
  const { fail, waitMs } = setUp();
  for (let failure = 0; failure < 59; failure += 1) await fail(`account ${failure}`, 'here');
  expect(await waitMs('alice', 'here')).toBe(0);
  await fail('another', 'here');
  expect(await waitMs('alice', 'here')).toBe(60_000);
  expect(await waitMs('alice', 'there')).toBe(0);
});

it('lets no more be under way than may still fail, and refuses who waited when they did', async () => {
  const { throttle } = setUp();
  let begun = 0;
  const attempts = Array.from({ length: 120 }, async () => {
    const attempt = await throttle.begin('alice', 'here');
    begun += 1;
    attempt.failed();
  });
  const answers = await Promise.allSettled(attempts);
  expect(begun).toBe(5);
  expect(answers.filter((answer) => answer.status === 'rejected')).toHaveLength(115);
});

it('lets everybody in who waited for attempts that were right', async () => {
  const { throttle } = setUp();
  const first = await Promise.all(Array.from({ length: 5 }, () => throttle.begin('alice', 'here')));
  const others = Array.from({ length: 20 }, async () => (await throttle.begin('alice', 'here')).succeeded());
  for (const attempt of first) attempt.succeeded();
  await expect(Promise.all(others)).resolves.toHaveLength(20);
});

it('takes one attempt at a time after a wait', async () => {
  const { time, throttle, fail, waitMs } = setUp();
  for (let failure = 0; failure < 5; failure += 1) await fail('alice', 'here');
  time.nowMs += 5_000;
  const attempt = await throttle.begin('alice', 'here');
  const second = waitMs('alice', 'here');
  attempt.failed();
  attempt.failed();
  expect(await second).toBe(10_000);
});

it('keeps to the limit of an address with attempts at many accounts', async () => {
  const { throttle } = setUp();
  const attempts = Array.from({ length: 100 }, async (_, index) => {
    (await throttle.begin(`account ${index}`, 'here')).failed();
  });
  const answers = await Promise.allSettled(attempts);
  expect(answers.filter((answer) => answer.status === 'fulfilled')).toHaveLength(60);
});

it('gives a place back when an attempt came to nothing', async () => {
  const { throttle } = setUp();
  for (let count = 0; count < 100; count += 1) (await throttle.begin('alice', 'here')).end();
  expect(await throttle.begin('alice', 'here')).toBeDefined();
});
