import { expect, it } from 'vitest';
import { AppError } from '../../errors.ts';
import { createLogger } from '../../infra/logger.ts';
import type { AttemptKey } from './rules.ts';
import { createThrottle, type FailureCounts, type Throttle } from './throttle.ts';

interface Row {
  count: number;
  lastMs: number;
  endsMs: number;
}

/** Counts as the table does, with a clock of its own and an answer that takes a while. */
function createCounts() {
  const time = { nowMs: 0 };
  const rows = new Map<string, Row>();
  const reads = { count: 0, fail: false };
  const living = (id: string): Row | undefined => {
    const row = rows.get(id);
    return row !== undefined && row.endsMs > time.nowMs ? row : undefined;
  };
  const aMoment = () => new Promise<void>((resolve) => setImmediate(resolve));
  const counts: FailureCounts = {
    read: async (keys) => {
      reads.count += 1;
      if (reads.fail) throw new AppError('dependency_unavailable', 'away');
      const found = keys.flatMap(({ kind, key }) => {
        const row = living(`${kind} ${key}`);
        if (row === undefined) return [];
        const { count, lastMs, endsMs } = row;
        return [{ kind, key, count, sinceLastMs: time.nowMs - lastMs, endsInMs: endsMs - time.nowMs }];
      });
      await aMoment();
      return found;
    },
    add: async (keys) => {
      await aMoment();
      for (const { kind, key, forgetAfterMs, since } of keys) {
        const before = living(`${kind} ${key}`);
        const endsMs = before === undefined || since === 'last' ? time.nowMs + forgetAfterMs : before.endsMs;
        rows.set(`${kind} ${key}`, { count: (before?.count ?? 0) + 1, lastMs: time.nowMs, endsMs });
      }
    },
    forget: async ({ kind, key }) => {
      await aMoment();
      rows.delete(`${kind} ${key}`);
    },
  };
  return { time, rows, reads, counts };
}

const logger = createLogger({ name: 'test', level: 'silent' });
const secretKey = 'only-for-tests-0123456789-0123456789-0123456789';

function setUp() {
  const { time, rows, reads, counts } = createCounts();
  const throttle = createThrottle({ counts, logger, secretKey });
  return { time, rows, reads, counts, throttle };
}

const keysOf = (account: string, address = 'here'): AttemptKey[] => [
  { kind: 'login_account', name: account },
  { kind: 'login_address', name: address },
];

/** `failed`, or after how many milliseconds a further attempt makes sense. */
async function fail(throttle: Throttle, keys: readonly AttemptKey[]): Promise<'failed' | number> {
  try {
    return await throttle.attempt(keys, async () => {
      throw new AppError('invalid_credentials', 'wrong');
    });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return error.code === 'invalid_credentials' ? 'failed' : (error.retryAfterMs ?? Number.NaN);
  }
}

/** 0 when an attempt is let in, else how long it should wait; leaves no trace. */
async function waitOf(throttle: Throttle, keys: readonly AttemptKey[]): Promise<number> {
  try {
    await throttle.attempt(keys, async () => {
      throw new Error('neither right nor wrong');
    });
    return Number.NaN;
  } catch (error) {
    return error instanceof AppError ? (error.retryAfterMs ?? Number.NaN) : 0;
  }
}

const succeed = (throttle: Throttle, keys: readonly AttemptKey[]) => throttle.attempt(keys, async () => 'in');

it('makes an account wait after 5 failures, twice as long each time, for 15 minutes at most', async () => {
  const { time, throttle } = setUp();
  const waits = [];
  for (let failure = 1; failure <= 14; failure += 1) {
    expect(await fail(throttle, keysOf('alice', `address ${failure}`))).toBe('failed');
    const wait = await waitOf(throttle, keysOf('alice', 'elsewhere'));
    waits.push(wait);
    time.nowMs += wait;
    expect(await waitOf(throttle, keysOf('alice', 'elsewhere'))).toBe(0);
  }
  expect(waits.slice(0, 7)).toEqual([0, 0, 0, 0, 5_000, 10_000, 20_000]);
  expect(waits.at(-1)).toBe(900_000);
});

it('begins anew after an hour without a failure, and after a success', async () => {
  const { time, throttle } = setUp();
  for (let failure = 0; failure < 5; failure += 1) await fail(throttle, keysOf('alice'));
  time.nowMs += 3_600_000;
  for (let failure = 0; failure < 4; failure += 1) await fail(throttle, keysOf('alice'));
  expect(await succeed(throttle, keysOf('alice'))).toBe('in');
  for (let failure = 0; failure < 4; failure += 1) await fail(throttle, keysOf('alice'));
  expect(await waitOf(throttle, keysOf('alice'))).toBe(0);
});

it('keeps accounts, addresses and kinds apart, and counts an address by the minute', async () => {
  const { time, throttle } = setUp();
  for (let failure = 0; failure < 59; failure += 1) await fail(throttle, keysOf(`account ${failure}`));
  await succeed(throttle, keysOf('alice'));
  expect(await waitOf(throttle, keysOf('alice'))).toBe(0);
  time.nowMs += 20_000;
  await fail(throttle, keysOf('another'));
  expect(await waitOf(throttle, keysOf('alice'))).toBe(40_000);
  expect(await waitOf(throttle, keysOf('alice', 'there'))).toBe(0);
  expect(await waitOf(throttle, [{ kind: 'pairing_address', name: 'here' }])).toBe(0);
  time.nowMs += 40_000;
  expect(await waitOf(throttle, keysOf('alice'))).toBe(0);
});

it('lets 10 pairing codes of an address be wrong, and 5 passwords of an account, also all at once', async () => {
  for (const [keys, free] of [
    [[{ kind: 'pairing_address', name: 'here' }], 10],
    [keysOf('alice'), 5],
  ] as const) {
    const { throttle } = setUp();
    const answers = await Promise.all(Array.from({ length: 120 }, () => fail(throttle, keys)));
    expect(answers.filter((answer) => answer === 'failed')).toHaveLength(free);
    expect(answers.filter((answer) => typeof answer === 'number' && answer > 0)).toHaveLength(120 - free);
  }
});

it('keeps to the limit of an address with attempts at many accounts at once', async () => {
  const { throttle } = setUp();
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, index) => fail(throttle, keysOf(`account ${index}`))),
  );
  expect(answers.filter((answer) => answer === 'failed')).toHaveLength(60);
});

it('lets everybody in who is right, however many come at once, with few reads', async () => {
  const { throttle, reads } = setUp();
  const answers = await Promise.all(Array.from({ length: 200 }, () => succeed(throttle, keysOf('alice'))));
  expect(answers).toHaveLength(200);
  expect(reads.count).toBeLessThanOrEqual(202);
  reads.count = 0;
  await Promise.all(Array.from({ length: 50 }, (_, index) => succeed(throttle, keysOf(`account ${index}`))));
  expect(reads.count).toBeLessThanOrEqual(52);
});

it('takes one attempt at a time after a wait', async () => {
  const { time, throttle } = setUp();
  for (let failure = 0; failure < 5; failure += 1) await fail(throttle, keysOf('alice'));
  time.nowMs += 5_000;
  const answers = await Promise.all([fail(throttle, keysOf('alice')), fail(throttle, keysOf('alice'))]);
  expect(answers).toEqual(['failed', 10_000]);
});

it('gives a place back when an attempt came to nothing', async () => {
  const { throttle } = setUp();
  for (let count = 0; count < 100; count += 1) expect(await waitOf(throttle, keysOf('alice'))).toBe(0);
});

it('says to whoever asks whether an attempt would wait, and counts that as nothing', async () => {
  const { throttle, reads } = setUp();
  const [, here] = keysOf('alice');
  if (here === undefined) throw new Error('no key of the address');
  for (let failure = 0; failure < 59; failure += 1) await fail(throttle, keysOf(`account ${failure}`));
  reads.count = 0;
  await Promise.all(Array.from({ length: 100 }, () => throttle.check(here)));
  expect(reads.count).toBeLessThanOrEqual(2);
  expect(await fail(throttle, keysOf('another'))).toBe('failed');
  await expect(throttle.check(here)).rejects.toMatchObject({ code: 'too_many_requests', retryAfterMs: 60_000 });
});

it('counts with another process: what is under way in both may overshoot, and no more', async () => {
  const { counts } = createCounts();
  const both = [0, 1].map(() => createThrottle({ counts, logger, secretKey }));
  const answers = await Promise.all(
    both.flatMap((throttle) => Array.from({ length: 50 }, () => fail(throttle, keysOf('alice')))),
  );
  const failed = answers.filter((answer) => answer === 'failed').length;
  expect(failed).toBeGreaterThanOrEqual(5);
  expect(failed).toBeLessThanOrEqual(10);
  for (const throttle of both) expect(await waitOf(throttle, keysOf('alice'))).toBeGreaterThan(0);
});

it('stores no names, and other hashes under another key', async () => {
  const { rows, throttle, counts } = setUp();
  await fail(throttle, keysOf('alice-or-a-password'));
  expect([...rows.keys()].join(' ')).not.toContain('alice');
  const other = createThrottle({ counts, logger, secretKey: `${secretKey}-other` });
  await fail(other, keysOf('alice-or-a-password'));
  expect(rows.size).toBe(4);
});

it('refuses while the counts cannot be read, and goes on afterwards', async () => {
  const { reads, throttle } = setUp();
  reads.fail = true;
  const refused = Array.from({ length: 3 }, () => succeed(throttle, keysOf('alice')));
  for (const answer of await Promise.allSettled(refused)) {
    expect(answer).toMatchObject({ status: 'rejected', reason: { code: 'dependency_unavailable' } });
  }
  reads.fail = false;
  expect(await succeed(throttle, keysOf('alice'))).toBe('in');
});

it('refuses more than may wait, as unavailable for a moment', async () => {
  const { throttle } = setUp();
  const answers = await Promise.allSettled(
    Array.from({ length: 600 }, (_, index) => succeed(throttle, keysOf(`a ${index}`, `b ${index}`))),
  );
  const refused = answers.flatMap((answer): unknown[] => (answer.status === 'rejected' ? [answer.reason] : []));
  expect(refused.length).toBeGreaterThan(0);
  for (const reason of refused) expect(reason).toMatchObject({ code: 'dependency_unavailable', retryAfterMs: 2_000 });
});
