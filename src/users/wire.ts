import type { User } from './contract.ts';
import type { UserRecord } from './repo.ts';

/** A user as admins see him. */
export function userOnWire(user: UserRecord): User {
  const { id, username, displayName, role, disabled, createdAt } = user;
  return { id, username, displayName, role, disabled, createdAt: createdAt.toISOString() };
}
