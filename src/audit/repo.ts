import { and, desc, eq, gte, lt, or, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../infra/postgres.ts';
import { audit } from './schema.ts';

export type AuditRow = typeof audit.$inferSelect;
export type NewAuditRow = Omit<AuditRow, 'at'>;

export interface AuditFilter {
  /** The group itself, or what concerns it. */
  readonly groupId?: string | undefined;
  /** Who did it, to whom it was done, or whom it concerns. */
  readonly userId?: string | undefined;
  /** Happened then or later. */
  readonly from?: Date | undefined;
  /** Happened before then. */
  readonly to?: Date | undefined;
}

/** A page of a list that has the newest first: what comes after this moment and id. */
export interface AuditPage {
  readonly after: { readonly at: Date; readonly id: string } | undefined;
  readonly limit: number;
}

/** Greater than those made before in this process; with `from`, the same for the same time and bytes. */
export function newEntryId(from?: { readonly msecs: number; readonly random: Uint8Array }): string {
  return uuidv7(from);
}

/** At the time of the transaction. */
export async function insertEntry(tx: Queryable, row: NewAuditRow): Promise<void> {
  await tx.insert(audit).values(row);
}

/** Those that are there already stay as they are. */
export async function insertMissing(query: Queryable, rows: readonly AuditRow[]): Promise<void> {
  await query
    .insert(audit)
    .values([...rows])
    .onConflictDoNothing({ target: audit.id });
}

export async function listEntries(query: Queryable, filter: AuditFilter, page: AuditPage): Promise<AuditRow[]> {
  const { groupId, userId, from, to } = filter;
  const { after } = page;
  return query
    .select()
    .from(audit)
    .where(
      and(
        groupId === undefined
          ? undefined
          : or(
              and(eq(audit.targetType, 'group'), eq(audit.targetId, groupId)),
              eq(sql`${audit.details} ->> 'groupId'`, groupId),
            ),
        userId === undefined
          ? undefined
          : or(
              eq(audit.actorUserId, userId),
              and(eq(audit.targetType, 'user'), eq(audit.targetId, userId)),
              eq(sql`${audit.details} ->> 'userId'`, userId),
              eq(sql`${audit.details} ->> 'previousManagerId'`, userId),
            ),
        from === undefined ? undefined : gte(audit.at, from),
        to === undefined ? undefined : lt(audit.at, to),
        after === undefined
          ? undefined
          : sql`(${audit.at}, ${audit.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
      ),
    )
    .orderBy(desc(audit.at), desc(audit.id))
    .limit(page.limit);
}
