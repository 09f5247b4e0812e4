import { sql } from 'drizzle-orm';
import type { Transaction } from './postgres.ts';

/** Waits for the advisory lock `key` and holds it until the transaction ends. */
export async function holdLock(tx: Transaction, key: number): Promise<void> {
  await tx.execute(sql`select pg_advisory_xact_lock(${key})`);
}
