import type { Auth } from '../auth/index.ts';
import type { GroupInput, Groups, GroupUpdate, ManagedGroupView } from '../groups/index.ts';
import type { ChangeContext } from '../infra/change.ts';
import type { UserInput, UserRecord, Users, UserUpdate } from '../users/index.ts';

/** What admins do, across the domains that it touches. */
export interface Admin {
  /** Throws `already_exists`. */
  createUser(context: ChangeContext, input: UserInput): Promise<UserRecord>;
  /** Disabling and a new password end the user's sessions. Throws `not_found`, `last_admin`. */
  updateUser(context: ChangeContext, userId: string, change: UserUpdate): Promise<UserRecord>;
  /** Memberships and sessions end with him. Throws `not_found`, `last_admin`, `manager_required`. */
  deleteUser(context: ChangeContext, userId: string): Promise<void>;
  /** Throws `not_found`, `user_disabled`. */
  createGroup(context: ChangeContext, input: GroupInput): Promise<ManagedGroupView>;
  /** Throws `not_found`. */
  updateGroup(context: ChangeContext, groupId: string, change: GroupUpdate): Promise<ManagedGroupView>;
  /** Throws `not_found`. */
  deleteGroup(context: ChangeContext, groupId: string): Promise<void>;
  readonly putMember: Groups['putMember'];
  readonly removeMember: Groups['removeMember'];
  readonly putManager: Groups['putManager'];
}

export function createAdmin(parts: { readonly users: Users; readonly groups: Groups; readonly auth: Auth }): Admin {
  const { users, groups, auth } = parts;
  return {
    createUser: users.create,
    updateUser: async (context, userId, change) => {
      const user = await users.update(context, userId, change);
      if (change.disabled === true) await auth.endSessionsOf(context, userId, 'user_disabled');
      if (change.passwordHash !== undefined) await auth.endSessionsOf(context, userId, 'password_changed');
      return user;
    },
    deleteUser: async (context, userId) => {
      await users.remove(context, userId);
      await groups.removeFromAll(context, userId);
      await auth.endSessionsOf(context, userId, 'user_deleted');
    },
    createGroup: groups.create,
    updateGroup: groups.update,
    deleteGroup: groups.remove,
    putMember: groups.putMember,
    removeMember: groups.removeMember,
    putManager: groups.putManager,
  };
}
