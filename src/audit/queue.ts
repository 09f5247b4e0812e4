import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import type { Logger } from '../infra/logger.ts';
import type { Metrics } from '../infra/metrics.ts';
import { createPeriodic } from '../infra/periodic.ts';
import { refusesData } from '../infra/postgres.ts';
import type { AuditRow } from './repo.ts';

/** Rows that wait for PostgreSQL: whoever makes one does not. */
export interface AuditQueue {
  /** Stored as soon as PostgreSQL takes it, once. Never throws; what does not fit any more is counted and logged. */
  add(row: AuditRow): void;
  start(): void;
  /** Stores what waits, within two seconds; what is left then is counted and logged. */
  stop(): Promise<void>;
}

/** Some hours of a quiet deployment, some 4 MB. */
const mostWaiting = 10_000;
const atOnce = 200;
const retryEveryMs = 1_000;
const stopLimitMs = 2_000;

export function createAuditQueue(parts: {
  /** Stores rows; ones that are there already stay as they are. */
  readonly store: (rows: readonly AuditRow[]) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Metrics;
}): AuditQueue {
  const logger = parts.logger.child({ part: 'audit' });
  /** By id, the oldest first. */
  const waiting = new Map<string, AuditRow>();
  const dropped = parts.metrics.counter('neda_audit_dropped_total', 'Audit rows that could not be stored', ['cause']);
  parts.metrics.gauge('neda_audit_waiting', 'Audit rows that wait for PostgreSQL', [], (gauge) =>
    gauge.set(waiting.size),
  );
  let isWaiting = false;

  function drop(row: AuditRow, cause: 'full' | 'refused' | 'stopped', error?: unknown): void {
    dropped.inc({ cause });
    const { action, actorUserId, targetId, requestId } = row;
    logger.error({ err: error, cause, action, actorUserId, targetId, requestId }, 'an audit row was dropped');
  }

  /** What PostgreSQL refuses for what it is, is dropped alone. */
  async function storeGood(rows: readonly AuditRow[]): Promise<void> {
    try {
      await parts.store(rows);
    } catch (error) {
      const [first] = rows;
      if (!refusesData(error) || first === undefined) throw error;
      if (rows.length === 1) {
        drop(first, 'refused', error);
        return;
      }
      const middle = Math.ceil(rows.length / 2);
      await storeGood(rows.slice(0, middle));
      await storeGood(rows.slice(middle));
    }
  }

  async function storeAll(isOver: () => boolean): Promise<void> {
    while (waiting.size > 0 && !isOver()) {
      const rows = [...waiting.values()].slice(0, atOnce);
      await storeGood(rows);
      for (const { id } of rows) waiting.delete(id);
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    try {
      await storeAll(() => signal.aborted);
      isWaiting = false;
    } catch (error) {
      if (!(error instanceof AppError) || error.code !== 'dependency_unavailable') throw error;
      if (!isWaiting) logger.warn({ err: error, rows: waiting.size }, 'audit rows wait for PostgreSQL');
      isWaiting = true;
    }
  }

  const writer = createPeriodic({ name: 'audit queue', everyMs: retryEveryMs, logger, work });
  return {
    add: (row) => {
      if (waiting.has(row.id)) return;
      if (waiting.size >= mostWaiting) {
        drop(row, 'full');
        return;
      }
      waiting.set(row.id, row);
      if (!isWaiting) writer.trigger();
    },
    start: writer.start,
    stop: async () => {
      const limit = new AbortController();
      const over = sleep(stopLimitMs, undefined, { signal: limit.signal });
      const flush = writer
        .stop()
        .then(() => storeAll(() => false))
        .catch((error: unknown) => logger.warn({ err: error }, 'audit rows could not be stored at the stop'));
      await Promise.race([flush, over]);
      limit.abort();
      over.catch(() => undefined);
      for (const row of waiting.values()) drop(row, 'stopped');
    },
  };
}
