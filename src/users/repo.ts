import { and, asc, eq, gt, inArray, isNull, or, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { holdLock } from '../infra/transaction-lock.ts';
import { containsAnyCase } from '../infra/search-pattern.ts';
import type { Queryable } from '../infra/postgres.ts';
import { users } from './schema.ts';

const columns = {
  id: users.id,
  username: users.username,
  displayName: users.displayName,
  role: users.role,
  disabled: users.disabled,
  createdAt: users.createdAt,
};

/** A living user. */
export interface UserRecord {
  readonly id: string;
  readonly username: string;
  readonly displayName: string;
  readonly role: 'admin' | 'user';
  readonly disabled: boolean;
  readonly createdAt: Date;
}

export interface UserCredentials extends UserRecord {
  /** `null`: signs in by pairing only. */
  readonly passwordHash: string | null;
}

export type LockStrength = 'share' | 'update';

export async function findUser(query: Queryable, id: string): Promise<UserRecord | null> {
  const rows = await query
    .select(columns)
    .from(users)
    .where(and(eq(users.id, id), isNull(users.deletedAt)));
  return rows[0] ?? null;
}

/** As {@link findUser}, and the row stays as it is until the transaction ends. */
export async function lockUser(tx: Queryable, id: string, strength: LockStrength): Promise<UserRecord | null> {
  const rows = await tx
    .select(columns)
    .from(users)
    .where(and(eq(users.id, id), isNull(users.deletedAt)))
    .for(strength);
  return rows[0] ?? null;
}

export async function findUsers(query: Queryable, ids: readonly string[]): Promise<UserRecord[]> {
  if (ids.length === 0) return [];
  return query
    .select(columns)
    .from(users)
    .where(and(inArray(users.id, [...ids]), isNull(users.deletedAt)));
}

/** As {@link lockUser}, with the password's hash. */
export async function lockCredentials(
  tx: Queryable,
  id: string,
  strength: LockStrength,
): Promise<UserCredentials | null> {
  const rows = await tx
    .select({ ...columns, passwordHash: users.passwordHash })
    .from(users)
    .where(and(eq(users.id, id), isNull(users.deletedAt)))
    .for(strength);
  return rows[0] ?? null;
}

export async function findCredentials(query: Queryable, username: string): Promise<UserCredentials | null> {
  const rows = await query
    .select({ ...columns, passwordHash: users.passwordHash })
    .from(users)
    .where(and(eq(users.username, username), isNull(users.deletedAt)));
  return rows[0] ?? null;
}

export async function listUsers(
  query: Queryable,
  page: { readonly search: string | undefined; readonly afterId: string | undefined; readonly limit: number },
): Promise<UserRecord[]> {
  const { search } = page;
  return query
    .select(columns)
    .from(users)
    .where(
      and(
        isNull(users.deletedAt),
        page.afterId === undefined ? undefined : gt(users.id, page.afterId),
        search === undefined
          ? undefined
          : or(containsAnyCase(users.username, search), containsAnyCase(users.displayName, search)),
      ),
    )
    .orderBy(asc(users.id))
    .limit(page.limit);
}

export async function insertUser(
  tx: Queryable,
  values: Pick<UserRecord, 'username' | 'displayName' | 'role'> & { readonly passwordHash: string | null },
): Promise<UserRecord> {
  const rows = await tx
    .insert(users)
    .values({ id: uuidv7(), ...values })
    .returning(columns);
  const row = rows[0];
  if (row === undefined) throw new Error('an insert returned no row');
  return row;
}

export async function updateUser(
  tx: Queryable,
  id: string,
  values: Partial<Pick<UserRecord, 'displayName' | 'role' | 'disabled'>> & { readonly passwordHash?: string },
): Promise<UserRecord | null> {
  const rows = await tx
    .update(users)
    .set({ ...values, updatedAt: sql`now()` })
    .where(and(eq(users.id, id), isNull(users.deletedAt)))
    .returning(columns);
  return rows[0] ?? null;
}

export async function softDeleteUser(tx: Queryable, id: string): Promise<void> {
  await tx
    .update(users)
    .set({ deletedAt: sql`now()`, updatedAt: sql`now()`, passwordHash: null })
    .where(eq(users.id, id));
}

/** Changes that could leave no admin take turns. */
const adminLock = 7_233_004;

/** Whether an enabled admin other than `id` exists; the answer holds until the transaction ends. */
export async function hasOtherAdmin(tx: Queryable, id: string): Promise<boolean> {
  await holdLock(tx, adminLock);
  const rows = await tx
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), eq(users.disabled, false), isNull(users.deletedAt), sql`${users.id} <> ${id}`))
    .limit(1);
  return rows.length > 0;
}

/** Whether any user was ever made. */
export async function hasAnyUser(query: Queryable): Promise<boolean> {
  const rows = await query.select({ id: users.id }).from(users).limit(1);
  return rows.length > 0;
}

export async function hasEnabledAdmin(query: Queryable): Promise<boolean> {
  const rows = await query
    .select({ id: users.id })
    .from(users)
    .where(and(eq(users.role, 'admin'), eq(users.disabled, false), isNull(users.deletedAt)))
    .limit(1);
  return rows.length > 0;
}
