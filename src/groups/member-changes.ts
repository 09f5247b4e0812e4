import type { Audit } from '../audit/index.ts';
import { AppError, notFound } from '../errors.ts';
import type { ChangeContext } from '../infra/change.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import type { UserRecord, Users } from '../users/index.ts';
import type { TalkRight } from './contract.ts';
import * as repo from './repo.ts';
import type { MemberRecord } from './repo.ts';

/**
 * Changes of membership. Each locks the group first and then the user, so that two of them about one group take
 * effect one after the other, and a user who is being deleted or disabled cannot slip in.
 */
export interface MemberChanges {
  /**
   * Adds the user or changes his right to talk (`allowed` for a new member who is given none).
   * Throws `not_found` (group or user), `user_disabled` (somebody new), `manager_required` (the manager as listen_only).
   */
  putMember(
    context: ChangeContext,
    groupId: string,
    userId: string,
    talk?: TalkRight,
  ): Promise<MemberRecord & { readonly user: UserRecord }>;
  /** Throws `not_found`, `manager_required`. */
  removeMember(context: ChangeContext, groupId: string, userId: string): Promise<void>;
  /** The old manager becomes a member who may talk. Throws `not_found`, `user_disabled`. */
  putManager(
    context: ChangeContext,
    groupId: string,
    userId: string,
  ): Promise<MemberRecord & { readonly user: UserRecord }>;
  /** Takes a user, whom the caller holds locked, out of all his groups. Throws `manager_required`. */
  removeFromAll(context: ChangeContext, userId: string): Promise<void>;
}

export function createMemberChanges(parts: {
  readonly outbox: Outbox;
  readonly audit: Audit;
  readonly users: Users;
}): MemberChanges {
  const { outbox, audit, users } = parts;

  async function note(
    context: ChangeContext,
    type: 'member.added' | 'member.changed' | 'member.removed' | 'manager.changed',
    groupId: string,
    details: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await audit.record(context, { action: type, target: { type: 'group', id: groupId }, details });
    await outbox.append(context, type, { groupId, ...details });
  }

  async function holdGroup(context: ChangeContext, groupId: string): Promise<void> {
    if ((await repo.lockGroup(context.tx, groupId)) === null) throw notFound();
  }

  async function holdBoth(context: ChangeContext, groupId: string, userId: string) {
    await holdGroup(context, groupId);
    const user = await users.hold(context, userId);
    return { user, before: await repo.findMember(context.tx, groupId, userId) };
  }

  function refuseDisabled(user: UserRecord): void {
    if (user.disabled) throw new AppError('user_disabled', 'A disabled user cannot become member or manager.');
  }

  async function putMember(context: ChangeContext, groupId: string, userId: string, talk?: TalkRight) {
    const { user, before } = await holdBoth(context, groupId, userId);
    if (before === null) {
      refuseDisabled(user);
      const added = { groupId, userId, role: 'member', talk: talk ?? 'allowed' } as const;
      const member = await repo.insertMember(context.tx, added);
      await note(context, 'member.added', groupId, { userId, role: member.role, talk: member.talk });
      return { ...member, user };
    }
    if (talk === undefined || talk === before.talk) return { ...before, user };
    if (before.role === 'group_manager') {
      throw new AppError('manager_required', "The manager's right to talk cannot be taken: swap the manager first.");
    }
    const member = await repo.updateMember(context.tx, groupId, userId, { talk });
    await note(context, 'member.changed', groupId, { userId, role: member.role, talk });
    return { ...member, user };
  }

  async function removeMember(context: ChangeContext, groupId: string, userId: string): Promise<void> {
    await holdGroup(context, groupId);
    const member = await repo.findMember(context.tx, groupId, userId);
    if (member === null) throw notFound();
    if (member.role === 'group_manager') throw managerRequired();
    await repo.softDeleteMember(context.tx, groupId, userId);
    await note(context, 'member.removed', groupId, { userId });
  }

  async function putManager(context: ChangeContext, groupId: string, userId: string) {
    const { user, before } = await holdBoth(context, groupId, userId);
    if (before?.role === 'group_manager') return { ...before, user };
    refuseDisabled(user);
    const previous = await repo.findManager(context.tx, groupId);
    const asManager = { role: 'group_manager', talk: 'allowed' } as const;
    if (previous !== null) {
      await repo.updateMember(context.tx, groupId, previous.userId, { role: 'member', talk: 'allowed' });
    }
    const member =
      before === null
        ? await repo.insertMember(context.tx, { groupId, userId, ...asManager })
        : await repo.updateMember(context.tx, groupId, userId, asManager);
    // One thing was done, to two members.
    if (previous !== null) {
      const asMember = { role: 'member', talk: 'allowed' };
      await outbox.append(context, 'member.changed', { groupId, userId: previous.userId, ...asMember });
    }
    const type = before === null ? 'member.added' : 'member.changed';
    await outbox.append(context, type, { groupId, userId, ...asManager });
    await note(context, 'manager.changed', groupId, { userId, previousManagerId: previous?.userId ?? null });
    return { ...member, user };
  }

  async function removeFromAll(context: ChangeContext, userId: string): Promise<void> {
    const memberships = await repo.listMemberships(context.tx, userId);
    if (memberships.some((membership) => membership.member.role === 'group_manager')) throw managerRequired();
    for (const { group } of memberships) {
      await repo.softDeleteMember(context.tx, group.id, userId);
      await note(context, 'member.removed', group.id, { userId });
    }
  }

  return { putMember, removeMember, putManager, removeFromAll };
}

function managerRequired(): AppError {
  return new AppError('manager_required', 'A group needs its manager: set another one first.');
}
