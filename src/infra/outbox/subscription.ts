import { setTimeout as pause } from 'node:timers/promises';
import { AppError } from '../../errors.ts';
import type { Logger } from '../logger.ts';
import type { StoredEvent } from './repo.ts';

export type OutboxHandler = (event: StoredEvent) => void | Promise<void>;

/** One subscriber's queue: its events in order, one at a time, so that a slow subscriber delays nobody else. */
export interface Subscription {
  push(event: StoredEvent): void;
  /** Resolves when all that was pushed before has been handled, or there will be no more. */
  settled(): Promise<void>;
  cancel(): void;
}

const attemptsOfEvent = 5;
const firstRetryMs = 50;
const longestRetryMs = 1_000;

export function createSubscription(handler: OutboxHandler, logger: Logger): Subscription {
  /** Events, and whom to tell when those before him were handled. */
  const waiting: (StoredEvent | (() => void))[] = [];
  let isDraining = false;
  let isCancelled = false;

  async function deliver(event: StoredEvent): Promise<void> {
    let failures = 0;
    for (let attempt = 1; failures < attemptsOfEvent && !isCancelled; attempt += 1) {
      try {
        await handler(event);
        return;
      } catch (error) {
        // What a dependency that is away makes fail is tried for as long as it is away: a revocation must not be lost.
        if (!(error instanceof AppError && error.retryable)) failures += 1;
        logger.error({ err: error, eventId: event.id, eventType: event.type, attempt }, 'event handler failed');
        if (failures < attemptsOfEvent)
          await pause(Math.min(firstRetryMs * 2 ** (attempt - 1), longestRetryMs), undefined, { ref: false });
      }
    }
  }

  async function drain(): Promise<void> {
    isDraining = true;
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      if (typeof next === 'function') next();
      else if (!isCancelled) await deliver(next);
    }
    isDraining = false;
  }

  function add(next: StoredEvent | (() => void)): void {
    waiting.push(next);
    if (!isDraining) void drain();
  }

  return {
    push: (event) => {
      if (!isCancelled) add(event);
    },
    settled: () => (waiting.length > 0 || isDraining ? new Promise((resolve) => add(resolve)) : Promise.resolve()),
    cancel: () => {
      isCancelled = true;
    },
  };
}
