import { and, eq, inArray, lt, lte, sql } from 'drizzle-orm';
import type { Queryable } from '../../infra/postgres.ts';
import { failedAttempts } from '../schema.ts';

interface CountKey {
  readonly kind: string;
  /** Hex. */
  readonly key: string;
}

export interface FailureCount extends CountKey {
  readonly count: number;
  /** Milliseconds since the last failure. */
  readonly sinceLastMs: number;
  /** Milliseconds until the count is zero. */
  readonly endsInMs: number;
}

/** The counts that are not zero. Spans are of the database's clock, which all processes share. */
export async function readCounts(query: Queryable, keys: readonly CountKey[]): Promise<FailureCount[]> {
  const kinds = `{${keys.map(({ kind }) => kind).join(',')}}`;
  const hashes = `{${keys.map(({ key }) => key).join(',')}}`;
  return query
    .select({
      kind: failedAttempts.kind,
      key: failedAttempts.key,
      count: failedAttempts.count,
      sinceLastMs: millisecondsOf(sql`now() - ${failedAttempts.lastAt}`),
      endsInMs: millisecondsOf(sql`${failedAttempts.endsAt} - now()`),
    })
    .from(failedAttempts)
    .where(
      and(
        sql`${failedAttempts.endsAt} > now()`,
        sql`(${failedAttempts.kind}, ${failedAttempts.key}) in (select * from unnest(${kinds}::text::text[], ${hashes}::text::text[]))`,
      ),
    );
}

/** Counts one failure more for each key, in the order given: callers give kinds in one order, so that none waits for another. */
export async function addFailure(
  query: Queryable,
  keys: ReadonlyArray<CountKey & { readonly forgetAfterMs: number; readonly since: 'first' | 'last' }>,
): Promise<void> {
  const hasEnded = lte(failedAttempts.endsAt, sql`now()`);
  const renewed = keys.filter(({ since }) => since === 'last').map(({ kind }) => kind);
  const isRenewed = renewed.length === 0 ? sql`false` : inArray(failedAttempts.kind, renewed);
  await query
    .insert(failedAttempts)
    .values(
      keys.map(({ kind, key, forgetAfterMs }) => ({
        kind,
        key,
        count: 1,
        lastAt: sql`now()`,
        endsAt: sql`now() + ${forgetAfterMs} * interval '1 millisecond'`,
      })),
    )
    .onConflictDoUpdate({
      target: [failedAttempts.kind, failedAttempts.key],
      set: {
        count: sql`case when ${hasEnded} then 1 else ${failedAttempts.count} + 1 end`,
        lastAt: sql`now()`,
        endsAt: sql`case when ${hasEnded} or ${isRenewed} then excluded.ends_at else ${failedAttempts.endsAt} end`,
      },
    });
}

export async function deleteCount(query: Queryable, { kind, key }: CountKey): Promise<void> {
  await query.delete(failedAttempts).where(and(eq(failedAttempts.kind, kind), eq(failedAttempts.key, key)));
}

/** Passes over rows in use, so that it waits for nobody. */
export async function deleteEndedCounts(query: Queryable): Promise<void> {
  const ended = query
    .select({ kind: failedAttempts.kind, key: failedAttempts.key })
    .from(failedAttempts)
    .where(lt(failedAttempts.endsAt, sql`now()`))
    .for('update', { skipLocked: true });
  await query.delete(failedAttempts).where(sql`(${failedAttempts.kind}, ${failedAttempts.key}) in ${ended}`);
}

function millisecondsOf(interval: ReturnType<typeof sql>) {
  return sql`extract(epoch from ${interval}) * 1000`.mapWith(Number);
}
