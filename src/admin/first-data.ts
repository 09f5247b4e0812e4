import type { Auth } from '../auth/index.ts';
import type { ChangeContext, RunChange } from '../infra/change.ts';
import { holdLock } from '../infra/transaction-lock.ts';
import type { Users } from '../users/index.ts';
import type { Admin } from './service.ts';

interface Parts {
  readonly runChange: RunChange;
  readonly users: Users;
  readonly auth: Auth;
  readonly admin: Admin;
}

/** Processes that start together take turns in looking whether somebody is there. */
const firstDataLock = 7_233_003;

const demoUsers = [
  { username: 'admin', displayName: 'Admin', role: 'admin' },
  { username: 'alice', displayName: 'Alice', role: 'user' },
  { username: 'bob', displayName: 'Bob', role: 'user' },
  { username: 'carol', displayName: 'Carol', role: 'user' },
] as const;
export const demoUsernames = demoUsers.map(({ username }) => username);
const demoGroups = [
  { name: 'Team', description: 'Everybody', manager: 'alice', members: ['bob', 'carol'] },
  { name: 'Workshop', description: 'Bob and Alice', manager: 'bob', members: ['alice'] },
] as const;

/**
 * The contract's demo users and groups, all with one password, only into a database without users. Any number of
 * processes may call it at once. Resolves to whether this call made them.
 */
export async function loadDemoData(parts: Parts, options: { readonly password: string }): Promise<boolean> {
  const hasUsers = await once(parts, 'demo-data', (context) => parts.users.hasAny(context));
  if (hasUsers) return false;
  const passwordHash = await parts.auth.hashPassword(options.password);
  return once(parts, 'demo-data', async (context) => {
    if (await parts.users.hasAny(context)) return false;
    const ids = new Map<string, string>();
    for (const user of demoUsers) {
      ids.set(user.username, (await parts.admin.createUser(context, { ...user, passwordHash })).id);
    }
    const idOf = (username: string): string => ids.get(username) ?? '';
    for (const { name, description, manager, members } of demoGroups) {
      const group = await parts.admin.createGroup(context, { name, description, managerId: idOf(manager) });
      for (const member of members) await parts.admin.putMember(context, group.id, idOf(member));
    }
    return true;
  });
}

/**
 * The first admin, made only while there is no enabled one. Throws `already_exists` when somebody else has the name.
 * Resolves to whether this call made him.
 */
export async function ensureFirstAdmin(
  parts: Parts,
  options: { readonly username: string; readonly password: string },
): Promise<boolean> {
  const hasAdmin = await once(parts, 'first-admin', (context) => parts.users.hasEnabledAdmin(context));
  if (hasAdmin) return false;
  const passwordHash = await parts.auth.hashPassword(options.password);
  return once(parts, 'first-admin', async (context) => {
    if (await parts.users.hasEnabledAdmin(context)) return false;
    const { username } = options;
    await parts.admin.createUser(context, { username, displayName: username, role: 'admin', passwordHash });
    return true;
  });
}

function once(parts: Parts, requestId: string, work: (context: ChangeContext) => Promise<boolean>): Promise<boolean> {
  return parts.runChange({ actor: { type: 'system' }, requestId }, async (context) => {
    await holdLock(context.tx, firstDataLock);
    return work(context);
  });
}
