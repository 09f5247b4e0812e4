import { createHmac } from 'node:crypto';
import { AppError, type ErrorCode } from '../../errors.ts';
import type { Logger } from '../../infra/logger.ts';
import { attemptRules, type AttemptKey, type AttemptKind, type AttemptRule } from './rules.ts';

/**
 * Slows guessing down. The failures of all processes are counted together; each process sees to it that attempts under
 * way at once are no way round the limit, so that all together overshoot it by the free failures of each process at most.
 */
export interface Throttle {
  /**
   * Runs `work` as an attempt with these keys: an `invalid_credentials` or `wrong_password` that it throws is counted
   * as a failure, any other error as nothing. Waits for the end of others where attempts under way may use up what is
   * still allowed to fail. Throws what `work` throws, `too_many_requests`, and `dependency_unavailable` when too many
   * wait or the counts cannot be read or written.
   */
  attempt<T>(keys: readonly AttemptKey[], work: () => Promise<T>): Promise<T>;
  /**
   * Whether an attempt with this key would be refused already, for whoever knows no more of it yet; counts as nothing.
   * Throws as {@link Throttle.attempt} does.
   */
  check(key: AttemptKey): Promise<void>;
  /** What the key is counted by: tells one from another and nothing else. */
  idOf(key: AttemptKey): string;
}

/** The failures of all processes. */
export interface FailureCounts {
  read(keys: readonly CountKey[]): Promise<readonly FailureCount[]>;
  add(keys: ReadonlyArray<CountKey & Pick<AttemptRule, 'forgetAfterMs' | 'since'>>): Promise<void>;
  forget(key: CountKey): Promise<void>;
}

interface CountKey {
  readonly kind: AttemptKind;
  readonly key: string;
}

interface FailureCount {
  readonly kind: string;
  readonly key: string;
  readonly count: number;
  /** Milliseconds since the last failure. */
  readonly sinceLastMs: number;
  /** Milliseconds until the count is zero. */
  readonly endsInMs: number;
}

interface Place extends CountKey {
  /** Of kind and key. */
  readonly id: string;
  readonly rule: AttemptRule;
}

interface Waiting {
  readonly places: readonly Place[];
  /** Whether a place must be free, too: not for whoever only asks. */
  readonly needsPlace: boolean;
  /** Called with the places whose count is not zero. */
  readonly letIn: (counted: readonly Place[]) => void;
  readonly refuse: (error: unknown) => void;
}

const waitingAtMost = 512;
const failures: ReadonlySet<ErrorCode> = new Set(['invalid_credentials', 'wrong_password']);

export function createThrottle(parts: {
  readonly counts: FailureCounts;
  readonly logger: Logger;
  /** The names of accounts and addresses are stored as an HMAC under it. */
  readonly secretKey: string;
}): Throttle {
  const { counts, logger } = parts;
  const hashKey = createHmac('sha256', parts.secretKey).update('failed attempts').digest();
  /** Attempts under way in this process, by the id of a place. */
  const underWay = new Map<string, number>();
  /** Places of failures that were counted since the counts were last asked for. */
  const changed = new Set<string>();
  let waiting: Waiting[] = [];
  let isDeciding = false;
  let isWantedAgain = false;

  function placeOf({ kind, name }: AttemptKey): Place {
    const key = createHmac('sha256', hashKey).update(name).digest('hex');
    return { kind, key, id: `${kind} ${key}`, rule: attemptRules[kind] };
  }

  function add(places: readonly Place[], change: 1 | -1): void {
    for (const { id } of places) {
      const value = (underWay.get(id) ?? 0) + change;
      if (value === 0) underWay.delete(id);
      else underWay.set(id, value);
    }
  }

  /** Decides about everybody who waits, again while something changes: one read for any number of them. */
  async function decide(): Promise<void> {
    isWantedAgain = true;
    if (isDeciding) return;
    isDeciding = true;
    while (isWantedAgain && waiting.length > 0) {
      isWantedAgain = false;
      changed.clear();
      const batch = waiting;
      waiting = [];
      const kept = await decideAbout(batch);
      waiting = [...kept, ...waiting];
    }
    isDeciding = false;
  }

  /** Whoever must go on waiting. */
  async function decideAbout(batch: readonly Waiting[]): Promise<Waiting[]> {
    const places = new Map(batch.flatMap((one) => one.places.map((place) => [place.id, place] as const)));
    try {
      const rows = await counts.read([...places.values()]);
      const known = new Map(rows.map((row) => [`${row.kind} ${row.key}`, row]));
      return batch.filter((one) => !isDecided(one, known));
    } catch (error) {
      for (const one of batch) one.refuse(error);
      return [];
    }
  }

  /** Lets in or refuses, when what is known says which. */
  function isDecided(one: Waiting, known: ReadonlyMap<string, FailureCount>): boolean {
    if (one.places.some(({ id }) => changed.has(id))) return false;
    const waitMs = Math.max(...one.places.map((place) => waitOf(place.rule, known.get(place.id))));
    if (waitMs > 0) {
      one.refuse(tooManyFailures(waitMs));
      return true;
    }
    // After a wait it is one at a time.
    const hasPlace =
      !one.needsPlace ||
      one.places.every(
        ({ id, rule }) => (underWay.get(id) ?? 0) < Math.max(1, rule.freeFailures - (known.get(id)?.count ?? 0)),
      );
    if (hasPlace) one.letIn(one.places.filter(({ id }) => known.has(id)));
    return hasPlace;
  }

  /** Waits until it is decided; takes the places, unless it only asks. Those whose count is not zero. */
  async function enter(places: readonly Place[], needsPlace: boolean): Promise<readonly Place[]> {
    if (waiting.length >= waitingAtMost) {
      throw new AppError('dependency_unavailable', 'Too many people are signing in at the moment.', {
        dependency: 'sign-in',
        retryAfterMs: 2_000,
      });
    }
    return new Promise((resolve, reject) => {
      const letIn = (counted: readonly Place[]): void => {
        if (needsPlace) add(places, 1);
        resolve(counted);
      };
      waiting.push({ places, needsPlace, letIn, refuse: reject });
      void decide();
    });
  }

  async function countFailure(places: readonly Place[]): Promise<void> {
    await counts.add(places.map(({ kind, key, rule }) => ({ kind, key, ...rule })));
    for (const { id } of places) changed.add(id);
  }

  /** A success stands, whether or not the failures before it are forgotten. */
  async function forget(counted: readonly Place[]): Promise<void> {
    const forgotten = counted.filter(({ rule }) => rule.isForgottenBySuccess);
    try {
      await Promise.all(forgotten.map((place) => counts.forget(place)));
    } catch (error) {
      logger.warn({ err: error }, 'failed attempts could not be forgotten');
    }
  }

  return {
    attempt: async (keys, work) => {
      const places = keys.map(placeOf);
      const counted = await enter(places, true);
      try {
        const result = await work();
        await forget(counted);
        return result;
      } catch (error) {
        if (error instanceof AppError && failures.has(error.code)) await countFailure(places);
        throw error;
      } finally {
        add(places, -1);
        void decide();
      }
    },
    check: async (key) => {
      await enter([placeOf(key)], false);
    },
    idOf: (key) => placeOf(key).id,
  };
}

function waitOf(rule: AttemptRule, known: FailureCount | undefined): number {
  return known === undefined ? 0 : Math.min(rule.waitMs(known.count) - known.sinceLastMs, known.endsInMs);
}

function tooManyFailures(waitMs: number): AppError {
  return new AppError('too_many_requests', 'Too many failed attempts. Wait before the next one.', {
    retryAfterMs: waitMs,
  });
}

/** For `RATE_LIMITS=off`. */
export const noThrottle: Throttle = {
  attempt: (_keys, work) => work(),
  check: async () => undefined,
  idOf: ({ kind }) => kind,
};
