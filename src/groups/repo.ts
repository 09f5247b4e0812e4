import { and, asc, eq, gt, inArray, isNull, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { containsAnyCase } from '../infra/search-pattern.ts';
import type { Queryable } from '../infra/postgres.ts';
import type { GroupRole, GroupSettings, TalkRight } from './contract.ts';
import { groupMembers, groups } from './schema.ts';

/** A living group. */
export interface GroupRecord {
  readonly id: string;
  readonly name: string;
  readonly description: string;
  readonly settings: Partial<GroupSettings>;
  readonly createdAt: Date;
}

/** A living membership. */
export interface MemberRecord {
  readonly groupId: string;
  readonly userId: string;
  readonly role: GroupRole;
  readonly talk: TalkRight;
  readonly joinedAt: Date;
}

const groupColumns = {
  id: groups.id,
  name: groups.name,
  description: groups.description,
  settings: groups.settings,
  createdAt: groups.createdAt,
};
const memberColumns = {
  groupId: groupMembers.groupId,
  userId: groupMembers.userId,
  role: groupMembers.role,
  talk: groupMembers.talk,
  joinedAt: groupMembers.joinedAt,
};
const isLivingMember = isNull(groupMembers.deletedAt);
const isLivingGroup = isNull(groups.deletedAt);
const joinsLivingManager = and(
  eq(groupMembers.groupId, groups.id),
  isLivingMember,
  eq(groupMembers.role, 'group_manager'),
);

export async function findMembership(
  query: Queryable,
  userId: string,
  groupId: string,
): Promise<{ readonly group: GroupRecord; readonly member: MemberRecord } | null> {
  const rows = await query
    .select({ group: groupColumns, member: memberColumns })
    .from(groupMembers)
    .innerJoin(groups, and(eq(groups.id, groupMembers.groupId), isLivingGroup))
    .where(and(eq(groupMembers.userId, userId), eq(groupMembers.groupId, groupId), isLivingMember));
  return rows[0] ?? null;
}

/** Ordered by group id. */
export async function listMemberships(
  query: Queryable,
  userId: string,
  page: { readonly afterId?: string | undefined; readonly limit?: number } = {},
): Promise<Array<{ readonly group: GroupRecord; readonly member: MemberRecord }>> {
  const rows = query
    .select({ group: groupColumns, member: memberColumns })
    .from(groupMembers)
    .innerJoin(groups, and(eq(groups.id, groupMembers.groupId), isLivingGroup))
    .where(
      and(
        eq(groupMembers.userId, userId),
        isLivingMember,
        page.afterId === undefined ? undefined : gt(groups.id, page.afterId),
      ),
    )
    .orderBy(asc(groups.id));
  return page.limit === undefined ? rows : rows.limit(page.limit);
}

/** Which of these users are members of a living group. */
export async function listMembersAmong(
  query: Queryable,
  groupId: string,
  userIds: readonly string[],
): Promise<string[]> {
  const rows = await query
    .select({ userId: groupMembers.userId })
    .from(groupMembers)
    .innerJoin(groups, and(eq(groups.id, groupMembers.groupId), isLivingGroup))
    .where(and(eq(groupMembers.groupId, groupId), isLivingMember, inArray(groupMembers.userId, [...userIds])));
  return rows.map((row) => row.userId);
}

/** Ordered by user id. */
export async function listMembers(
  query: Queryable,
  groupId: string,
  page: { readonly afterId: string | undefined; readonly limit: number },
): Promise<MemberRecord[]> {
  return query
    .select(memberColumns)
    .from(groupMembers)
    .where(
      and(
        eq(groupMembers.groupId, groupId),
        isLivingMember,
        page.afterId === undefined ? undefined : gt(groupMembers.userId, page.afterId),
      ),
    )
    .orderBy(asc(groupMembers.userId))
    .limit(page.limit);
}

export async function findGroup(
  query: Queryable,
  id: string,
): Promise<{ readonly group: GroupRecord; readonly managerId: string } | null> {
  const rows = await query
    .select({ group: groupColumns, managerId: groupMembers.userId })
    .from(groups)
    .innerJoin(groupMembers, joinsLivingManager)
    .where(and(eq(groups.id, id), isLivingGroup));
  return rows[0] ?? null;
}

export async function listGroups(
  query: Queryable,
  page: { readonly search: string | undefined; readonly afterId: string | undefined; readonly limit: number },
): Promise<Array<{ readonly group: GroupRecord; readonly managerId: string }>> {
  return query
    .select({ group: groupColumns, managerId: groupMembers.userId })
    .from(groups)
    .innerJoin(groupMembers, joinsLivingManager)
    .where(
      and(
        isLivingGroup,
        page.afterId === undefined ? undefined : gt(groups.id, page.afterId),
        page.search === undefined ? undefined : containsAnyCase(groups.name, page.search),
      ),
    )
    .orderBy(asc(groups.id))
    .limit(page.limit);
}

/** The group, to which nothing else changes until the transaction ends. */
export async function lockGroup(tx: Queryable, id: string): Promise<GroupRecord | null> {
  const rows = await tx
    .select(groupColumns)
    .from(groups)
    .where(and(eq(groups.id, id), isLivingGroup))
    .for('update');
  return rows[0] ?? null;
}

export async function findMember(tx: Queryable, groupId: string, userId: string): Promise<MemberRecord | null> {
  const rows = await tx
    .select(memberColumns)
    .from(groupMembers)
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId), isLivingMember));
  return rows[0] ?? null;
}

export async function findManager(tx: Queryable, groupId: string): Promise<MemberRecord | null> {
  const rows = await tx
    .select(memberColumns)
    .from(groupMembers)
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.role, 'group_manager'), isLivingMember));
  return rows[0] ?? null;
}

export async function insertGroup(
  tx: Queryable,
  values: Pick<GroupRecord, 'name' | 'description' | 'settings'>,
): Promise<GroupRecord> {
  return only(
    await tx
      .insert(groups)
      .values({ id: uuidv7(), ...values })
      .returning(groupColumns),
  );
}

export async function updateGroup(
  tx: Queryable,
  id: string,
  values: Partial<Pick<GroupRecord, 'name' | 'description' | 'settings'>>,
): Promise<GroupRecord> {
  return only(
    await tx
      .update(groups)
      .set({ ...values, updatedAt: sql`now()` })
      .where(eq(groups.id, id))
      .returning(groupColumns),
  );
}

/** Returns who was in it. */
export async function softDeleteGroup(tx: Queryable, id: string): Promise<string[]> {
  await tx
    .update(groups)
    .set({ deletedAt: sql`now()`, updatedAt: sql`now()` })
    .where(eq(groups.id, id));
  const rows = await tx
    .update(groupMembers)
    .set({ deletedAt: sql`now()`, updatedAt: sql`now()` })
    .where(and(eq(groupMembers.groupId, id), isLivingMember))
    .returning({ userId: groupMembers.userId });
  return rows.map((row) => row.userId);
}

export async function insertMember(
  tx: Queryable,
  values: Pick<MemberRecord, 'groupId' | 'userId' | 'role' | 'talk'>,
): Promise<MemberRecord> {
  return only(
    await tx
      .insert(groupMembers)
      .values({ id: uuidv7(), ...values })
      .returning(memberColumns),
  );
}

export async function updateMember(
  tx: Queryable,
  groupId: string,
  userId: string,
  values: Partial<Pick<MemberRecord, 'role' | 'talk'>>,
): Promise<MemberRecord> {
  return only(
    await tx
      .update(groupMembers)
      .set({ ...values, updatedAt: sql`now()` })
      .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId), isLivingMember))
      .returning(memberColumns),
  );
}

export async function softDeleteMember(tx: Queryable, groupId: string, userId: string): Promise<void> {
  await tx
    .update(groupMembers)
    .set({ deletedAt: sql`now()`, updatedAt: sql`now()` })
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId), isLivingMember));
}

function only<T>(rows: readonly T[]): T {
  const row = rows[0];
  if (row === undefined) throw new Error('a write returned no row');
  return row;
}
