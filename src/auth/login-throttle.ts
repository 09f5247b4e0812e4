import { AppError } from '../errors.ts';

/**
 * Slows guessing down: per account 5 failures and then waits that double, per address 60 failures a minute.
 * Successes do not count and unknown names count like known ones. Source: the contract's "Limits".
 */
export interface LoginThrottle {
  /** Throws `too_many_requests`. */
  check(account: string, address: string): void;
  failed(account: string, address: string): void;
  /** Forgets the account's failures. */
  succeeded(account: string): void;
}

const freeFailures = 5;
const firstWaitMs = 5_000;
const longestWaitMs = 15 * 60_000;
const forgetAfterMs = 60 * 60_000;
const failuresPerAddress = 60;
const addressWindowMs = 60_000;
const mostKeys = 20_000;

interface AccountFailures {
  readonly count: number;
  readonly blockedUntilMs: number;
  readonly lastMs: number;
}

interface AddressFailures {
  count: number;
  readonly windowEndsMs: number;
}

/** Counts in this process. */
export function createLoginThrottle(monotonicMs: () => number): LoginThrottle {
  const accounts = new Map<string, AccountFailures>();
  const addresses = new Map<string, AddressFailures>();

  function wait(untilMs: number): AppError {
    return new AppError('too_many_requests', 'Too many failed attempts. Wait before the next one.', {
      retryAfterMs: untilMs - monotonicMs(),
    });
  }

  return {
    check: (account, address) => {
      const nowMs = monotonicMs();
      const byAddress = addresses.get(address);
      if (byAddress !== undefined && byAddress.windowEndsMs > nowMs && byAddress.count >= failuresPerAddress) {
        throw wait(byAddress.windowEndsMs);
      }
      const byAccount = accounts.get(account);
      if (byAccount !== undefined && byAccount.blockedUntilMs > nowMs) throw wait(byAccount.blockedUntilMs);
    },
    failed: (account, address) => {
      const nowMs = monotonicMs();
      const before = accounts.get(account);
      const count = before !== undefined && nowMs - before.lastMs < forgetAfterMs ? before.count + 1 : 1;
      const waitMs = count < freeFailures ? 0 : Math.min(firstWaitMs * 2 ** (count - freeFailures), longestWaitMs);
      keep(accounts, account, { count, blockedUntilMs: nowMs + waitMs, lastMs: nowMs });
      const byAddress = addresses.get(address);
      if (byAddress !== undefined && byAddress.windowEndsMs > nowMs) byAddress.count += 1;
      else keep(addresses, address, { count: 1, windowEndsMs: nowMs + addressWindowMs });
    },
    succeeded: (account) => {
      accounts.delete(account);
    },
  };
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

/** For `RATE_LIMITS=off`. */
export const noLoginThrottle: LoginThrottle = {
  check: () => undefined,
  failed: () => undefined,
  succeeded: () => undefined,
};
