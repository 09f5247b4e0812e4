import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../postgres.ts';
import { domainEvent } from './schema.ts';

export interface StoredEvent {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
}

/** Where a reader stands: he has read everything up to here in the order (transaction, position), and `readAhead`. */
export interface ReadBoundary {
  /** An xid8 as text. */
  readonly transaction: string;
  readonly position: number;
  /** Read already, though beyond the boundary: event ids with their transactions. */
  readonly readAhead: ReadonlyMap<string, bigint>;
}

export const outboxChannel = 'neda_domain_event';
const batchSize = 500;

interface NewEvent {
  readonly type: string;
  readonly payload: unknown;
  readonly requestId: string;
}

/** At least one event. All rows are one parameter: a statement with a parameter for each value takes long to build. */
export async function insertEvents(tx: Queryable, events: readonly NewEvent[]): Promise<void> {
  const rows = JSON.stringify(events.map((event) => ({ id: uuidv7(), ...event })));
  await tx.execute(sql`
    with added as (
      insert into ${domainEvent} (id, type, payload, request_id)
      select * from json_to_recordset(${rows}::text::json) as event (
        "id" uuid, "type" text, "payload" jsonb, "requestId" text)
    )
    select pg_notify(${outboxChannel}, '')`);
}

/** The boundary that lets a new reader see what commits from now on. */
export async function startBoundary(query: Queryable): Promise<ReadBoundary> {
  const rows = await query.execute<{ xmin: string; id: string | null; transaction: string | null }>(sql`
    with now_at as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
    select now_at.xmin::text as xmin, ahead.id::text as id, ahead.transaction_id::text as transaction
    from now_at left join ${domainEvent} as ahead on ahead.transaction_id >= now_at.xmin`);
  const readAhead = new Map<string, bigint>();
  for (const { id, transaction } of rows)
    if (id !== null && transaction !== null) readAhead.set(id, BigInt(transaction));
  return { transaction: rows[0]?.xmin ?? '0', position: 0, readAhead };
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
  const readAhead = `{${[...boundary.readAhead.keys()].join(',')}}`;
  const rows = await query.execute<{
    xmin: string;
    id: string | null;
    type: string;
    payload: unknown;
    transaction: string;
    position: string;
  }>(sql`
    with now_at as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin)
    select now_at.xmin::text as xmin, unread.id::text as id, unread.type, unread.payload,
           unread.transaction_id::text as transaction, unread.position::text as position
    from now_at left join (
      select * from ${domainEvent}
      where (transaction_id, position) > (${boundary.transaction}::text::xid8, ${boundary.position}::bigint)
        and id <> all(${readAhead}::text::uuid[])
      order by transaction_id, position limit ${batchSize}
    ) as unread on true
    order by unread.transaction_id, unread.position`);
  const xmin = BigInt(rows[0]?.xmin ?? boundary.transaction);
  const found = rows.flatMap(({ id, type, payload, transaction, position }) =>
    id === null ? [] : [{ id, type, payload, transaction: BigInt(transaction), position: Number(position) }],
  );
  const hasMore = found.length === batchSize;
  const last = found.findLast((event) => event.transaction < xmin);
  const read = hasMore
    ? { transaction: last?.transaction ?? BigInt(boundary.transaction), position: last?.position ?? boundary.position }
    : { transaction: xmin, position: 0 };
  const remembered = [...boundary.readAhead, ...found.map((event) => [event.id, event.transaction] as const)];
  return {
    events: found.map(({ id, type, payload }) => ({ id, type, payload })),
    hasMore,
    boundary: {
      transaction: String(read.transaction),
      position: read.position,
      readAhead: new Map(remembered.filter(([id, transaction]) => isBeyond(id, transaction))),
    },
  };

  function isBeyond(id: string, transaction: bigint): boolean {
    if (transaction !== read.transaction) return transaction > read.transaction;
    const event = found.find((candidate) => candidate.id === id);
    return event === undefined || event.position > read.position;
  }
}

/** Removes events older than `keepMs` milliseconds. */
export async function deleteOldEvents(query: Queryable, keepMs: number): Promise<void> {
  await query.execute(sql`delete from ${domainEvent} where created_at < now() - ${keepMs} * interval '1 millisecond'`);
}
