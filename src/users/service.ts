import { AppError, notFound } from '../errors.ts';
import type { Audit } from '../audit/index.ts';
import type { ChangeContext } from '../infra/change.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import { violatedConstraint, type Database } from '../infra/postgres.ts';
import { username, type UserRole } from './contract.ts';
import * as repo from './repo.ts';
import type { LockStrength, UserCredentials, UserRecord } from './repo.ts';

/** People and their system role. Passwords arrive hashed: auth owns them. */
export interface Users {
  find(id: string): Promise<UserRecord | null>;
  /** As {@link Users.find}, as the transaction sees him; holds and waits for nobody. */
  findWithin(context: ChangeContext, id: string): Promise<UserRecord | null>;
  /** The living ones of `ids`, in no order. */
  findMany(ids: readonly string[]): Promise<UserRecord[]>;
  /** By user name in any case; for signing in only. A text that no user name can be is nobody's. */
  findCredentials(username: string): Promise<UserCredentials | null>;
  /** Ordered by id; `search` is part of user name or display name, any case. */
  list(page: { search: string | undefined; afterId: string | undefined; limit: number }): Promise<UserRecord[]>;
  /** The living user, who stays as he is until the transaction ends. Throws `not_found`. */
  hold(context: ChangeContext, id: string): Promise<UserRecord>;
  /**
   * As {@link Users.hold}, for signing in; `null` when there is no such user. `update` for whoever changes him
   * afterwards.
   */
  holdCredentials(context: ChangeContext, id: string, strength: LockStrength): Promise<UserCredentials | null>;
  /** Throws `already_exists` when a living user has the name. */
  create(context: ChangeContext, input: UserInput): Promise<UserRecord>;
  /** Changes what is given and differs. Throws `not_found`, `last_admin`. */
  update(context: ChangeContext, id: string, change: UserUpdate): Promise<UserRecord>;
  /** For a user whom the caller holds for `update` and who changes it himself: that is the caller's to record. */
  replacePassword(context: ChangeContext, id: string, passwordHash: string): Promise<void>;
  /** Throws `not_found`, `last_admin`. Sessions and memberships are the caller's to end, in the same transaction. */
  remove(context: ChangeContext, id: string): Promise<void>;
  /** Whether any user was ever made, as the transaction sees it. */
  hasAny(context: ChangeContext): Promise<boolean>;
  hasEnabledAdmin(context: ChangeContext): Promise<boolean>;
}

export interface UserInput {
  readonly username: string;
  readonly displayName: string;
  readonly role?: UserRole | undefined;
  readonly passwordHash?: string | undefined;
}

export interface UserUpdate {
  readonly displayName?: string | undefined;
  readonly role?: UserRole | undefined;
  readonly disabled?: boolean | undefined;
  readonly passwordHash?: string | undefined;
}

export function createUsers(parts: {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly audit: Audit;
}): Users {
  const { database, outbox, audit } = parts;

  async function keepAnAdmin(context: ChangeContext, user: UserRecord): Promise<void> {
    if (user.role !== 'admin' || user.disabled) return;
    if (!(await repo.hasOtherAdmin(context.tx, user.id))) {
      throw new AppError('last_admin', 'This is the last enabled admin: make another one first.');
    }
  }

  async function note(
    context: ChangeContext,
    action: string,
    userId: string,
    details: Record<string, unknown>,
  ): Promise<void> {
    await audit.record(context, { action, target: { type: 'user', id: userId }, details });
  }

  async function create(context: ChangeContext, input: UserInput): Promise<UserRecord> {
    const name = input.username.toLowerCase();
    try {
      const user = await repo.insertUser(context.tx, {
        username: name,
        displayName: input.displayName,
        role: input.role ?? 'user',
        passwordHash: input.passwordHash ?? null,
      });
      await note(context, 'user.created', user.id, { username: name, role: user.role });
      await outbox.append(context, 'user.created', { userId: user.id });
      return user;
    } catch (error) {
      if (violatedConstraint(error) !== 'users_living_username') throw error;
      throw new AppError('already_exists', `The username ${name} is taken.`, {
        errors: [{ path: 'username', message: 'is taken' }],
        cause: error,
      });
    }
  }

  async function update(context: ChangeContext, id: string, change: UserUpdate): Promise<UserRecord> {
    const before = await repo.lockUser(context.tx, id, 'update');
    if (before === null) throw notFound();
    const changed = {
      ...(change.displayName !== undefined && change.displayName !== before.displayName
        ? { displayName: change.displayName }
        : {}),
      ...(change.role !== undefined && change.role !== before.role ? { role: change.role } : {}),
    };
    const disabled = change.disabled === before.disabled ? undefined : change.disabled;
    if (changed.role === 'user' || disabled === true) await keepAnAdmin(context, before);
    const values = {
      ...changed,
      ...(disabled === undefined ? {} : { disabled }),
      ...(change.passwordHash === undefined ? {} : { passwordHash: change.passwordHash }),
    };
    if (Object.keys(values).length === 0) return before;
    const after = await repo.updateUser(context.tx, id, values);
    if (after === null) throw notFound();
    if (change.passwordHash !== undefined) await note(context, 'user.password_set', id, {});
    if (Object.keys(changed).length > 0) {
      await note(context, 'user.updated', id, changed);
      await outbox.append(context, 'user.updated', { userId: id, ...changed });
    }
    if (disabled !== undefined) {
      const type = disabled ? 'user.disabled' : 'user.enabled';
      await note(context, type, id, {});
      await outbox.append(context, type, { userId: id });
    }
    return after;
  }

  async function remove(context: ChangeContext, id: string): Promise<void> {
    const user = await repo.lockUser(context.tx, id, 'update');
    if (user === null) throw notFound();
    await keepAnAdmin(context, user);
    await repo.softDeleteUser(context.tx, id);
    await note(context, 'user.deleted', id, { username: user.username });
    await outbox.append(context, 'user.deleted', { userId: id });
  }

  return {
    find: (id) => database.read((query) => repo.findUser(query, id)),
    findWithin: (context, id) => repo.findUser(context.tx, id),
    findMany: (ids) => database.read((query) => repo.findUsers(query, ids)),
    findCredentials: async (typed) => {
      const name = username.safeParse(typed);
      return name.success ? database.read((query) => repo.findCredentials(query, name.data)) : null;
    },
    list: (page) => database.read((query) => repo.listUsers(query, page)),
    holdCredentials: (context, id, strength) => repo.lockCredentials(context.tx, id, strength),
    hold: async (context, id) => {
      const user = await repo.lockUser(context.tx, id, 'share');
      if (user === null) throw notFound();
      return user;
    },
    create,
    update,
    replacePassword: async (context, id, passwordHash) => {
      if ((await repo.updateUser(context.tx, id, { passwordHash })) === null) throw notFound();
    },
    remove,
    hasAny: (context) => repo.hasAnyUser(context.tx),
    hasEnabledAdmin: (context) => repo.hasEnabledAdmin(context.tx),
  };
}
