import { v7 as uuidv7 } from 'uuid';
import type { Queryable } from '../infra/postgres.ts';
import { audit } from './schema.ts';

export type AuditRow = Omit<typeof audit.$inferInsert, 'id' | 'at'>;

export async function insertEntry(tx: Queryable, row: AuditRow): Promise<void> {
  await tx.insert(audit).values({ id: uuidv7(), ...row });
}
