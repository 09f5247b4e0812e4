import { and, eq, gt, inArray, isNull, lt, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../../infra/postgres.ts';
import { pairingCodes } from '../schema.ts';

/** Whether it was stored: not when there is such a code already. Times are the database's. */
export async function insertCode(
  tx: Queryable,
  values: { readonly userId: string; readonly codeHash: string; readonly lifeMs: number },
): Promise<boolean> {
  const { userId, codeHash, lifeMs } = values;
  const rows = await tx
    .insert(pairingCodes)
    .values({ id: uuidv7(), userId, codeHash, expiresAt: sql`now() + ${lifeMs} * interval '1 millisecond'` })
    .onConflictDoNothing({ target: pairingCodes.codeHash })
    .returning({ id: pairingCodes.id });
  return rows.length > 0;
}

/** The code with one of these hashes, open or not. */
export async function findCode(
  query: Queryable,
  hashes: readonly string[],
): Promise<{ readonly id: string; readonly userId: string } | null> {
  if (hashes.length === 0) return null;
  const rows = await query
    .select({ id: pairingCodes.id, userId: pairingCodes.userId })
    .from(pairingCodes)
    .where(inArray(pairingCodes.codeHash, [...hashes]));
  return rows[0] ?? null;
}

/** Uses a code up. Whether it was open: of any number of callers one is told so. */
export async function useCode(tx: Queryable, id: string): Promise<boolean> {
  const rows = await tx
    .update(pairingCodes)
    .set({ usedAt: sql`now()` })
    .where(and(eq(pairingCodes.id, id), isNull(pairingCodes.usedAt), gt(pairingCodes.expiresAt, sql`now()`)))
    .returning({ id: pairingCodes.id });
  return rows.length > 0;
}

export async function deleteCodesOf(tx: Queryable, userId: string): Promise<void> {
  await tx.delete(pairingCodes).where(eq(pairingCodes.userId, userId));
}

/** Passes over rows in use, so that it waits for nobody. */
export async function deleteExpiredCodes(query: Queryable): Promise<void> {
  const expired = query
    .select({ id: pairingCodes.id })
    .from(pairingCodes)
    .where(lt(pairingCodes.expiresAt, sql`now()`))
    .for('update', { skipLocked: true });
  await query.delete(pairingCodes).where(inArray(pairingCodes.id, expired));
}
