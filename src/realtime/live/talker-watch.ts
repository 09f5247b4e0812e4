import type { Connection } from '../gateway/index.ts';

/** A connection is watched closely while it holds the floor anywhere: it may do so in several groups at once. */
export class TalkerWatch {
  readonly #groups = new WeakMap<Connection, Set<string>>();

  begin(connection: Connection, groupId: string): void {
    const groups = this.#groups.get(connection) ?? new Set();
    this.#groups.set(connection, groups.add(groupId));
    connection.watchTalker(true);
  }

  end(connection: Connection, groupId: string): void {
    const groups = this.#groups.get(connection);
    if (groups?.delete(groupId) && groups.size === 0) connection.watchTalker(false);
  }
}
