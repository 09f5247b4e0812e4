import { AppError } from '../errors.ts';

/**
 * Slows guessing down: per account 5 failures and then waits that double, per address 60 failures a minute.
 * Successes do not count and unknown names count like known ones. Source: the contract's "Limits".
 */
export interface LoginThrottle {
  /**
   * Takes a place among the failures that are still allowed, before anything is compared: attempts at once are no way
   * round the limit. Where attempts under way hold all places, waits for their end. Throws `too_many_requests`, and
   * `dependency_unavailable` when too many wait.
   */
  begin(account: string, address: string): Promise<LoginAttempt>;
}

/** One attempt under way. Whatever is said after its end changes nothing. */
export interface LoginAttempt {
  /** Counts a failure. */
  failed(): void;
  /** Forgets the account's failures. */
  succeeded(): void;
  /** Gives the place back when neither was said. */
  end(): void;
}

const freeFailures = 5;
const firstWaitMs = 5_000;
const longestWaitMs = 15 * 60_000;
const forgetAfterMs = 60 * 60_000;
const failuresPerAddress = 60;
const addressWindowMs = 60_000;
const mostKeys = 20_000;
const waitingAtMost = 256;

interface AccountFailures {
  readonly count: number;
  readonly blockedUntilMs: number;
  readonly lastMs: number;
}

interface AddressFailures {
  count: number;
  readonly windowEndsMs: number;
}

interface Waiting {
  readonly account: string;
  readonly address: string;
  readonly resolve: (attempt: LoginAttempt) => void;
  readonly reject: (error: AppError) => void;
}

/** Counts in this process. */
export function createLoginThrottle(monotonicMs: () => number): LoginThrottle {
  const accounts = new Map<string, AccountFailures>();
  const addresses = new Map<string, AddressFailures>();
  /** Attempts under way. */
  const openByAccount = new Map<string, number>();
  const openByAddress = new Map<string, number>();
  let waiting: Waiting[] = [];

  function failuresOf(account: string): number {
    const before = accounts.get(account);
    return before !== undefined && monotonicMs() - before.lastMs < forgetAfterMs ? before.count : 0;
  }

  function failuresFrom(address: string): number {
    const before = addresses.get(address);
    return before !== undefined && before.windowEndsMs > monotonicMs() ? before.count : 0;
  }

  /** Why there may be no further attempt now, if so. */
  function refusal(account: string, address: string): AppError | undefined {
    const byAddress = addresses.get(address);
    if (byAddress !== undefined && failuresFrom(address) >= failuresPerAddress) return wait(byAddress.windowEndsMs);
    const byAccount = accounts.get(account);
    return byAccount !== undefined && byAccount.blockedUntilMs > monotonicMs()
      ? wait(byAccount.blockedUntilMs)
      : undefined;
  }

  function wait(untilMs: number): AppError {
    return new AppError('too_many_requests', 'Too many failed attempts. Wait before the next one.', {
      retryAfterMs: untilMs - monotonicMs(),
    });
  }

  /** Whether one more may be under way, should all that are fail. After a wait it is one at a time. */
  function hasPlace(account: string, address: string): boolean {
    const places = Math.max(1, freeFailures - failuresOf(account));
    return (
      (openByAccount.get(account) ?? 0) < places &&
      (openByAddress.get(address) ?? 0) < failuresPerAddress - failuresFrom(address)
    );
  }

  function countFailure(account: string, address: string): void {
    const nowMs = monotonicMs();
    const count = failuresOf(account) + 1;
    const waitMs = count < freeFailures ? 0 : Math.min(firstWaitMs * 2 ** (count - freeFailures), longestWaitMs);
    keep(accounts, account, { count, blockedUntilMs: nowMs + waitMs, lastMs: nowMs });
    const byAddress = addresses.get(address);
    if (byAddress !== undefined && byAddress.windowEndsMs > nowMs) byAddress.count += 1;
    else keep(addresses, address, { count: 1, windowEndsMs: nowMs + addressWindowMs });
  }

  function open(account: string, address: string): LoginAttempt {
    add(openByAccount, account, 1);
    add(openByAddress, address, 1);
    let isOpen = true;
    const close = (count: () => void): void => {
      if (!isOpen) return;
      isOpen = false;
      add(openByAccount, account, -1);
      add(openByAddress, address, -1);
      count();
      letIn();
    };
    return {
      failed: () => close(() => countFailure(account, address)),
      succeeded: () => close(() => accounts.delete(account)),
      end: () => close(() => undefined),
    };
  }

  function letIn(): void {
    const before = waiting;
    waiting = [];
    for (const one of before) {
      const refused = refusal(one.account, one.address);
      if (refused !== undefined) one.reject(refused);
      else if (hasPlace(one.account, one.address)) one.resolve(open(one.account, one.address));
      else waiting.push(one);
    }
  }

  return {
    begin: async (account, address) => {
      const refused = refusal(account, address);
      if (refused !== undefined) throw refused;
      if (hasPlace(account, address)) return open(account, address);
      if (waiting.length >= waitingAtMost) {
        throw new AppError('dependency_unavailable', 'Too many people are signing in at the moment.', {
          dependency: 'password hashing',
          retryAfterMs: 2_000,
        });
      }
      return new Promise((resolve, reject) => {
        waiting.push({ account, address, resolve, reject });
      });
    },
  };
}

function add(map: Map<string, number>, key: string, change: number): void {
  const value = (map.get(key) ?? 0) + change;
  if (value === 0) map.delete(key);
  else map.set(key, value);
}

/** The newest stay when there are too many. */
function keep<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= mostKeys) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}

const freeAttempt: LoginAttempt = { failed: () => undefined, succeeded: () => undefined, end: () => undefined };

/** For `RATE_LIMITS=off`. */
export const noLoginThrottle: LoginThrottle = { begin: async () => freeAttempt };
