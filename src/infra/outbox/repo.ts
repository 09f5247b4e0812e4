import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../postgres.ts';
import { domainEvent } from './schema.ts';

export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
}

/** Where a reader stands: everything of transactions below `beforeTransaction` was read. */
export interface ReadBoundary {
  readonly beforeTransaction: string;
  /** Read already, though their transactions are not below the boundary. */
  readonly readIds: ReadonlySet<string>;
}

export const outboxChannel = 'neda_domain_event';
const batchSize = 500;

export async function insertEvent(
  tx: Queryable,
  event: { readonly type: string; readonly payload: unknown; readonly requestId: string },
): Promise<void> {
  await tx.insert(domainEvent).values({ id: uuidv7(), ...event });
  await tx.execute(sql`select pg_notify(${outboxChannel}, '')`);
}

/** The boundary that lets a new reader see what commits from now on. */
export async function startBoundary(query: Queryable): Promise<ReadBoundary> {
  const rows = await query.execute<{ boundary: string; ids: string[] }>(sql`
    with now_at as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
    select now_at.xmin::text as boundary,
           array(select id::text from ${domainEvent} where transaction_id >= now_at.xmin) as ids
    from now_at`);
  const row = rows[0];
  return { beforeTransaction: row?.boundary ?? '0', readIds: new Set(row?.ids ?? []) };
}

/**
 * The committed events beyond `boundary`, in the order (transaction, position), and the boundary after them.
 *
 * A transaction that began early may commit late, so "greater than the last one read" would skip it. Every
 * transaction below `pg_snapshot_xmin` has ended: the boundary moves only up to there, and what was read above it is
 * remembered by id. Nothing waits for a slow transaction, and nothing of it is lost.
 */
export async function eventsBeyond(
  query: Queryable,
  boundary: ReadBoundary,
): Promise<{ readonly events: readonly StoredEvent[]; readonly boundary: ReadBoundary; readonly hasMore: boolean }> {
  const readIds = `{${[...boundary.readIds].join(',')}}`;
  const rows = await query.execute<{
    id: string | null;
    type: string;
    payload: unknown;
    xmin: string;
    isSettled: boolean;
    settledReadIds: string[];
  }>(sql`
    with now_at as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin),
    unread as (
      select id, type, payload, transaction_id, position from ${domainEvent}
      where transaction_id >= ${boundary.beforeTransaction}::text::xid8 and id <> all(${readIds}::text::uuid[])
      order by transaction_id, position limit ${batchSize}
    )
    select unread.id::text as id, unread.type, unread.payload, now_at.xmin::text as xmin,
           coalesce(unread.transaction_id < now_at.xmin, false) as "isSettled",
           array(select id::text from ${domainEvent}
                 where id = any(${readIds}::text::uuid[]) and transaction_id < now_at.xmin) as "settledReadIds"
    from now_at left join unread on true
    order by unread.transaction_id, unread.position`);
  const found = rows.filter((row) => row.id !== null);
  const events = found.map((row) => ({ id: row.id ?? '', type: row.type, payload: row.payload }));
  const hasMore = found.length === batchSize;
  const first = rows[0];
  if (first === undefined || hasMore) {
    return {
      events,
      hasMore,
      boundary: { ...boundary, readIds: new Set([...boundary.readIds, ...events.map((event) => event.id)]) },
    };
  }
  const settled = new Set(first.settledReadIds);
  const unsettled = found.filter((row) => !row.isSettled).map((row) => row.id ?? '');
  return {
    events,
    hasMore,
    boundary: {
      beforeTransaction: first.xmin,
      readIds: new Set([...[...boundary.readIds].filter((id) => !settled.has(id)), ...unsettled]),
    },
  };
}

/** Removes events older than `keepMs` milliseconds. */
export async function deleteOldEvents(query: Queryable, keepMs: number): Promise<void> {
  await query.execute(sql`delete from ${domainEvent} where created_at < now() - ${keepMs} * interval '1 millisecond'`);
}
