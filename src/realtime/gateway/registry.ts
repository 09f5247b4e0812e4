import type { LiveConnection } from './connection.ts';

/** The connections of this process after READY: by id, by session (one each) and by user. */
export class Registry {
  readonly #byId = new Map<string, LiveConnection>();
  readonly #bySession = new Map<string, LiveConnection>();
  readonly #byUser = new Map<string, LiveConnection[]>();

  get size(): number {
    return this.#byId.size;
  }

  add(connection: LiveConnection): void {
    this.#byId.set(connection.id, connection);
    this.#bySession.set(connection.session.id, connection);
    const ofUser = this.#byUser.get(connection.user.id);
    if (ofUser) ofUser.push(connection);
    else this.#byUser.set(connection.user.id, [connection]);
  }

  remove(connection: LiveConnection): void {
    if (!this.#byId.delete(connection.id)) return;
    const { session, user } = connection;
    if (this.#bySession.get(session.id) === connection) this.#bySession.delete(session.id);
    const left = this.#byUser.get(user.id)?.filter((other) => other !== connection) ?? [];
    if (left.length > 0) this.#byUser.set(user.id, left);
    else this.#byUser.delete(user.id);
  }

  get(connectionId: string): LiveConnection | undefined {
    return this.#byId.get(connectionId);
  }

  ofSession(sessionId: string): LiveConnection | undefined {
    return this.#bySession.get(sessionId);
  }

  /** A list of its own when it changes: safe to walk while connections close. */
  ofUser(userId: string): readonly LiveConnection[] {
    return this.#byUser.get(userId)?.slice() ?? [];
  }

  countOfUser(userId: string): number {
    return this.#byUser.get(userId)?.length ?? 0;
  }

  /** Connections of members of a group, joined or not. Walks all connections: for rare events only. */
  ofMembers(groupId: string): LiveConnection[] {
    return [...this.#byId.values()].filter((connection) => connection.memberships.has(groupId));
  }

  all(): LiveConnection[] {
    return [...this.#byId.values()];
  }
}
