import type { Audit } from '../audit/index.ts';
import { AppError, notFound } from '../errors.ts';
import type { ChangeContext } from '../infra/change.ts';
import type { Clock } from '../infra/clock.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import type { Database } from '../infra/postgres.ts';
import type { UserRecord, Users } from '../users/index.ts';
import type { GroupSettings, GroupSettingsChange } from './contract.ts';
import * as repo from './repo.ts';
import type { MemberRecord } from './repo.ts';
import { createMemberChanges, type MemberChanges } from './member-changes.ts';
import { createMemberships, viewOf, type GroupView, type Memberships } from './memberships.ts';

export interface ManagedGroupView extends GroupView {
  readonly managerId: string;
}

interface MemberView extends MemberRecord {
  readonly user: UserRecord;
}

interface Page {
  readonly afterId: string | undefined;
  readonly limit: number;
}

/** Groups and who is in them. A group always has its one manager. Source: the contract's REST rules. */
export interface Groups extends MemberChanges, Memberships {
  listOwn(userId: string, page: Page): Promise<GroupView[]>;
  /** Members ordered by user id. */
  listMembers(groupId: string, page: Page): Promise<MemberView[]>;
  /** Which of these users are members of the living group. Reads now; throws `dependency_unavailable`. */
  membersAmong(groupId: string, userIds: readonly string[]): Promise<readonly string[]>;
  /** Throws `not_found`. */
  find(groupId: string): Promise<ManagedGroupView>;
  list(page: Page & { readonly search: string | undefined }): Promise<ManagedGroupView[]>;
  /** Throws `not_found` (the manager), `user_disabled`. */
  create(context: ChangeContext, input: GroupInput): Promise<ManagedGroupView>;
  /** Settings may be partial. Throws `not_found`. */
  update(context: ChangeContext, groupId: string, change: GroupUpdate): Promise<ManagedGroupView>;
  /** Its memberships go with it. Throws `not_found`. */
  remove(context: ChangeContext, groupId: string): Promise<void>;
}

export interface GroupInput {
  readonly name: string;
  readonly description?: string | undefined;
  readonly managerId: string;
  readonly settings?: SettingsUpdate | undefined;
}

export interface GroupUpdate {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly settings?: SettingsUpdate | undefined;
}

type SettingsUpdate = { readonly [K in keyof GroupSettingsChange]: GroupSettingsChange[K] | undefined };

export interface GroupParts {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly audit: Audit;
  readonly users: Users;
  readonly clock: Clock;
}

export function createGroups(parts: GroupParts): Groups {
  const { database, outbox, audit, users } = parts;

  async function create(context: ChangeContext, input: GroupInput): Promise<ManagedGroupView> {
    const manager = await users.hold(context, input.managerId);
    if (manager.disabled) throw new AppError('user_disabled', 'A disabled user cannot become the manager.');
    const group = await repo.insertGroup(context.tx, {
      name: input.name,
      description: input.description ?? '',
      settings: given(input.settings ?? {}),
    });
    await repo.insertMember(context.tx, {
      groupId: group.id,
      userId: manager.id,
      role: 'group_manager',
      talk: 'allowed',
    });
    await audit.record(context, {
      action: 'group.created',
      target: { type: 'group', id: group.id },
      details: { name: group.name, managerId: manager.id, userId: manager.id },
    });
    await outbox.append(context, 'group.created', { groupId: group.id, managerId: manager.id });
    await outbox.append(context, 'member.added', { groupId: group.id, userId: manager.id });
    return { ...viewOf(group), managerId: manager.id };
  }

  async function update(context: ChangeContext, groupId: string, change: GroupUpdate): Promise<ManagedGroupView> {
    const before = await repo.lockGroup(context.tx, groupId);
    const manager = await repo.findManager(context.tx, groupId);
    if (before === null || manager === null) throw notFound();
    const settings = changedSettings(viewOf(before).settings, change.settings ?? {});
    const values = {
      ...(change.name !== undefined && change.name !== before.name ? { name: change.name } : {}),
      ...(change.description !== undefined && change.description !== before.description
        ? { description: change.description }
        : {}),
      ...(Object.keys(settings).length > 0 ? { settings: { ...before.settings, ...settings } } : {}),
    };
    if (Object.keys(values).length === 0) return { ...viewOf(before), managerId: manager.userId };
    const after = await repo.updateGroup(context.tx, groupId, values);
    const details = { ...values, ...(Object.keys(settings).length > 0 ? { settings } : {}) };
    await audit.record(context, { action: 'group.updated', target: { type: 'group', id: groupId }, details });
    await outbox.append(context, 'group.updated', { groupId, changed: Object.keys(values) });
    return { ...viewOf(after), managerId: manager.userId };
  }

  async function remove(context: ChangeContext, groupId: string): Promise<void> {
    const group = await repo.lockGroup(context.tx, groupId);
    if (group === null) throw notFound();
    const userIds = await repo.softDeleteGroup(context.tx, groupId);
    await audit.record(context, {
      action: 'group.deleted',
      target: { type: 'group', id: groupId },
      details: { name: group.name, members: userIds.length },
    });
    await outbox.append(context, 'group.deleted', { groupId, userIds });
  }

  async function listMembers(groupId: string, page: Page): Promise<MemberView[]> {
    const members = await database.read((query) => repo.listMembers(query, groupId, page));
    const found = await users.findMany(members.map((member) => member.userId));
    const byId = new Map(found.map((user) => [user.id, user]));
    return members.flatMap((member) => {
      const user = byId.get(member.userId);
      return user === undefined ? [] : [{ ...member, user }];
    });
  }

  return {
    ...createMemberChanges(parts),
    ...createMemberships(parts),
    listOwn: async (userId, page) => {
      const rows = await database.read((query) => repo.listMemberships(query, userId, page));
      return rows.map((row) => viewOf(row.group));
    },
    listMembers,
    find: async (groupId) => {
      const row = await database.read((query) => repo.findGroup(query, groupId));
      if (row === null) throw notFound();
      return { ...viewOf(row.group), managerId: row.managerId };
    },
    list: async (page) => {
      const rows = await database.read((query) => repo.listGroups(query, page));
      return rows.map((row) => ({ ...viewOf(row.group), managerId: row.managerId }));
    },
    membersAmong: async (groupId, userIds) =>
      userIds.length === 0 ? [] : database.read((query) => repo.listMembersAmong(query, groupId, userIds)),
    create,
    update,
    remove,
  };
}

/** Without the keys that hold nothing. */
function given(change: SettingsUpdate): Partial<GroupSettings> {
  return Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
}

function changedSettings(before: GroupSettings, change: SettingsUpdate): Partial<GroupSettings> {
  const current: Readonly<Record<string, unknown>> = { ...before };
  return Object.fromEntries(Object.entries(given(change)).filter(([key, value]) => current[key] !== value));
}
