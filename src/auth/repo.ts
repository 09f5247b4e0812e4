import { and, desc, eq, gt, gte, inArray, isNull, lt, ne, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../infra/postgres.ts';
import type { Device } from './contract.ts';
import { authSessions } from './schema.ts';

export type SessionRow = typeof authSessions.$inferSelect;

export async function findSession(query: Queryable, id: string): Promise<SessionRow | null> {
  const rows = await query.select().from(authSessions).where(eq(authSessions.id, id));
  return rows[0] ?? null;
}

/** Those of these sessions that live at `now`. */
export async function listLivingAmong(
  query: Queryable,
  ids: readonly string[],
  now: Date,
): Promise<Array<{ readonly id: string; readonly userId: string }>> {
  return query
    .select({ id: authSessions.id, userId: authSessions.userId })
    .from(authSessions)
    .where(and(inArray(authSessions.id, [...ids]), isNull(authSessions.endedAt), gt(authSessions.expiresAt, now)));
}

/** As {@link findSession}; two refreshes of one session take effect one after the other. */
export async function lockSession(tx: Queryable, id: string): Promise<SessionRow | null> {
  const rows = await tx.select().from(authSessions).where(eq(authSessions.id, id)).for('update');
  return rows[0] ?? null;
}

export function newSessionId(): string {
  return uuidv7();
}

export async function insertSession(
  tx: Queryable,
  values: {
    readonly id: string;
    readonly userId: string;
    readonly device: Device;
    readonly refreshHash: string;
    readonly expiresAt: Date;
  },
): Promise<void> {
  await tx.insert(authSessions).values({
    id: values.id,
    userId: values.userId,
    deviceName: values.device.name,
    deviceKind: values.device.kind,
    currentHashes: [values.refreshHash],
    expiresAt: values.expiresAt,
  });
}

export async function rotateSession(
  tx: Queryable,
  id: string,
  values: Pick<SessionRow, 'rotation' | 'currentHashes' | 'previousHash' | 'previousUntil' | 'expiresAt'>,
): Promise<void> {
  await tx
    .update(authSessions)
    .set({ ...values, lastSeenAt: sql`now()` })
    .where(eq(authSessions.id, id));
}

/** The pair with this refresh hash was used: from now on the one before is no longer accepted. */
export async function confirmPair(query: Queryable, id: string, refreshHash: string): Promise<void> {
  await query
    .update(authSessions)
    .set({ previousHash: null, previousUntil: null })
    .where(
      and(
        eq(authSessions.id, id),
        isNull(authSessions.endedAt),
        sql`${refreshHash} = any(${authSessions.currentHashes})`,
      ),
    );
}

/** Ends the living ones that match; returns them. */
export async function endSessions(
  tx: Queryable,
  which:
    | { readonly id: string; readonly userId?: string }
    | { readonly userId: string; readonly exceptId?: string }
    | { readonly expiredBefore: Date; readonly atMost: number },
  cause: string,
): Promise<Array<{ readonly id: string; readonly userId: string }>> {
  const matches =
    'id' in which
      ? and(
          eq(authSessions.id, which.id),
          which.userId === undefined ? undefined : eq(authSessions.userId, which.userId),
        )
      : 'userId' in which
        ? and(
            eq(authSessions.userId, which.userId),
            which.exceptId === undefined ? undefined : ne(authSessions.id, which.exceptId),
          )
        : inArray(
            authSessions.id,
            tx
              .select({ id: authSessions.id })
              .from(authSessions)
              .where(and(isNull(authSessions.endedAt), lt(authSessions.expiresAt, which.expiredBefore)))
              .limit(which.atMost)
              .for('update', { skipLocked: true }),
          );
  return tx
    .update(authSessions)
    .set({ endedAt: sql`now()`, endCause: cause, previousHash: null, previousUntil: null })
    .where(and(matches, isNull(authSessions.endedAt)))
    .returning({ id: authSessions.id, userId: authSessions.userId });
}

export interface SessionFilter {
  readonly userId?: string | undefined;
  /** Signed in at this moment or later. */
  readonly from?: Date | undefined;
  /** Signed in before this moment. */
  readonly to?: Date | undefined;
}

/** Living sessions, newest first. */
export async function listSessions(
  query: Queryable,
  filter: SessionFilter,
  page: { readonly beforeId: string | undefined; readonly limit: number; readonly now: Date },
): Promise<SessionRow[]> {
  const { userId, from, to } = filter;
  return query
    .select()
    .from(authSessions)
    .where(
      and(
        isNull(authSessions.endedAt),
        gt(authSessions.expiresAt, page.now),
        userId === undefined ? undefined : eq(authSessions.userId, userId),
        from === undefined ? undefined : gte(authSessions.createdAt, from),
        to === undefined ? undefined : lt(authSessions.createdAt, to),
        page.beforeId === undefined ? undefined : lt(authSessions.id, page.beforeId),
      ),
    )
    .orderBy(desc(authSessions.id))
    .limit(page.limit);
}

/** Moves `last_seen_at` forward, many at once. */
export async function touchSessions(query: Queryable, seen: ReadonlyMap<string, number>): Promise<void> {
  const ids = `{${[...seen.keys()].join(',')}}`;
  const times = `{${[...seen.values()].map((milliseconds) => new Date(milliseconds).toISOString()).join(',')}}`;
  await query.execute(sql`
    update ${authSessions} as s set last_seen_at = greatest(s.last_seen_at, seen.at)
    from unnest(${ids}::text::uuid[], ${times}::text::timestamptz[]) as seen(id, at)
    where s.id = seen.id and s.ended_at is null`);
}
