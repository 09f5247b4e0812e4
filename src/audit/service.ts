import { createHash } from 'node:crypto';
import type { ChangeContext, Origin } from '../infra/change.ts';
import type { Clock } from '../infra/clock.ts';
import type { Logger } from '../infra/logger.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { Database } from '../infra/postgres.ts';
import { createAuditQueue } from './queue.ts';
import * as repo from './repo.ts';
import type { AuditFilter, AuditPage, AuditRow, NewAuditRow } from './repo.ts';

export interface AuditRecord {
  /** Dotted, past tense or noun: `user.created`, `auth.login`. */
  readonly action: string;
  readonly target: { readonly type: string; readonly id: string } | null;
  /** `success` when absent. */
  readonly result?: 'success' | 'failure';
  /** Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The append-only record of who did what. */
export interface Audit {
  /** Commits with the change that it records. */
  record(context: ChangeContext, entry: AuditRecord): Promise<void>;
  /**
   * For what happens outside of PostgreSQL: returns at once and never throws. The row waits in this process until
   * PostgreSQL takes it. What has the same `onceAMinute` is one row a minute, in whichever process it happens.
   */
  recordSoon(origin: Origin, entry: AuditRecord, options?: { readonly onceAMinute?: string }): void;
  /** The newest first. */
  list(filter: AuditFilter, page: AuditPage): Promise<AuditRow[]>;
  start(): void;
  /** Stores what waits, within two seconds. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;

export function createAudit(parts: {
  readonly database: Database;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
}): Audit {
  const { database, clock } = parts;
  const queue = createAuditQueue({
    ...parts,
    store: (rows) => database.transaction((tx) => repo.insertMissing(tx, rows)),
  });
  const recent = createRecentIds();
  return {
    record: ({ tx, ...origin }, entry) => repo.insertEntry(tx, rowOf(repo.newEntryId(), origin, entry)),
    recordSoon: (origin, entry, { onceAMinute } = {}) => {
      const nowMs = clock.nowMs();
      if (onceAMinute === undefined) {
        queue.add({ ...rowOf(repo.newEntryId(), origin, entry), at: new Date(nowMs) });
        return;
      }
      const minute = Math.floor(nowMs / minuteMs);
      const id = idOfMinute(onceAMinute, minute);
      if (recent.isNew(id, minute)) queue.add({ ...rowOf(id, origin, entry), at: new Date(nowMs) });
    },
    list: (filter, page) => database.read((query) => repo.listEntries(query, filter, page)),
    start: queue.start,
    stop: queue.stop,
  };
}

function rowOf(id: string, { actor, requestId }: Origin, entry: AuditRecord): NewAuditRow {
  return {
    id,
    actorType: actor.type,
    actorUserId: actor.type === 'user' ? actor.userId : null,
    action: entry.action,
    targetType: entry.target?.type ?? null,
    targetId: entry.target?.id ?? null,
    result: entry.result ?? 'success',
    requestId,
    details: entry.details ?? {},
  };
}

/** The same in every process. */
function idOfMinute(key: string, minute: number): string {
  const random = createHash('sha256').update(`${minute} ${key}`).digest().subarray(0, 16);
  return repo.newEntryId({ msecs: minute * minuteMs, random });
}

/** Spares PostgreSQL what this process has handed over within the minute; forgetting one costs no more than that. */
function createRecentIds(): { isNew(id: string, minute: number): boolean } {
  const mostIds = 10_000;
  const ids = new Set<string>();
  let current = 0;
  return {
    isNew: (id, minute) => {
      if (minute !== current || ids.size >= mostIds) ids.clear();
      current = minute;
      if (ids.has(id)) return false;
      ids.add(id);
      return true;
    },
  };
}
