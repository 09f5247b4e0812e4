import { createPeriodic } from '../periodic.ts';
import type { ChangeContext } from '../change.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Database } from '../postgres.ts';
import {
  deleteOldEvents,
  eventsBeyond,
  insertEvents,
  outboxChannel,
  startBoundary,
  type ReadBoundary,
} from './repo.ts';
import { createSubscription, type OutboxHandler, type Subscription } from './subscription.ts';

/**
 * Everything that happened, told to every process: each event committed by anyone since this process started is
 * handed to each subscriber at least once, normally within milliseconds (NOTIFY), within a second when that is lost.
 */
export interface Outbox {
  /** Writes an event in the caller's transaction. `payload` holds ids and changed fields, no secret. */
  append(context: ChangeContext, type: string, payload: Readonly<Record<string, unknown>>): Promise<void>;
  /** Several events of one type by one statement; none is no work. */
  appendAll(
    context: ChangeContext,
    type: string,
    payloads: readonly Readonly<Record<string, unknown>>[],
  ): Promise<void>;
  /** Events come one after the other; one whose handler throws is tried again, 5 times in all,
   * and for as long as it takes when what it throws is worth retrying (`dependency_unavailable`). Returns the way out. */
  subscribe(handler: OutboxHandler): () => void;
  /**
   * Since when (monotonic milliseconds) PostgreSQL has answered without interruption, as of the last poll; null while
   * it does not, `-Infinity` when it always did.
   */
  readableSinceMs(): number | null;
  /**
   * Reads at once, and resolves when all that was committed before the call has been handled by every subscriber of
   * this process. Resolves also when PostgreSQL cannot be read: then it is read later.
   */
  catchUp(): Promise<void>;
  /** Begins to read. Throws `dependency_unavailable` when PostgreSQL is away. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const pollEveryMs = 700;
const sweepEveryMs = 10 * 60_000;
const keepEventsMs = 7 * 24 * 3_600_000;

export function createOutbox(parts: {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): Outbox {
  const { database, metrics } = parts;
  const logger = parts.logger.child({ part: 'outbox' });
  const delivered = metrics.counter('neda_outbox_events_total', 'Domain events read by this process', ['type']);
  const subscriptions = new Set<Subscription>();
  let boundary: ReadBoundary | undefined;
  let readableSinceMs: number | null = Number.NEGATIVE_INFINITY;

  async function readNew(signal: AbortSignal): Promise<void> {
    let hasMore = true;
    while (hasMore && !signal.aborted) {
      const from = boundary;
      if (from === undefined) return;
      const batch = await database.read((query) => eventsBeyond(query, from));
      boundary = batch.boundary;
      hasMore = batch.hasMore;
      for (const event of batch.events) {
        delivered.inc({ type: event.type });
        for (const subscription of subscriptions) subscription.push(event);
      }
    }
  }

  async function readAndNote(signal: AbortSignal): Promise<void> {
    try {
      await readNew(signal);
      readableSinceMs ??= performance.now();
    } catch (error) {
      readableSinceMs = null;
      throw error;
    }
  }

  const reader = createPeriodic({ name: 'outbox reader', everyMs: pollEveryMs, logger, work: readAndNote });
  const sweeper = createPeriodic({
    name: 'outbox sweep',
    everyMs: sweepEveryMs,
    logger,
    work: () => database.read((query) => deleteOldEvents(query, keepEventsMs)),
  });

  return {
    append: (context, type, payload) => insertEvents(context.tx, [{ type, payload, requestId: context.requestId }]),
    appendAll: async ({ tx, requestId }, type, payloads) => {
      if (payloads.length === 0) return;
      await insertEvents(
        tx,
        payloads.map((payload) => ({ type, payload, requestId })),
      );
    },
    subscribe: (handler) => {
      const subscription = createSubscription(handler, logger);
      subscriptions.add(subscription);
      return () => {
        subscriptions.delete(subscription);
        subscription.cancel();
      };
    },
    readableSinceMs: () => readableSinceMs,
    catchUp: async () => {
      await reader.runNow();
      await Promise.all([...subscriptions].map((subscription) => subscription.settled()));
    },
    start: async () => {
      boundary = await database.read(startBoundary);
      reader.start();
      sweeper.start();
      await database.listen(outboxChannel, reader.trigger, reader.trigger);
    },
    stop: async () => {
      await Promise.all([reader.stop(), sweeper.stop()]);
      for (const subscription of subscriptions) subscription.cancel();
    },
  };
}
