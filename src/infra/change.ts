import type { Database, Transaction } from './postgres.ts';

/** Who does something: a signed-in user, the system itself, or somebody who has not signed in. */
type Actor =
  | { readonly type: 'user'; readonly userId: string }
  | { readonly type: 'system' }
  | { readonly type: 'anonymous' };

/** Where a change comes from. */
export interface Origin {
  readonly actor: Actor;
  readonly requestId: string;
}

/**
 * The first argument of every service function that changes something: the change, its audit row and its outbox
 * row are written with `tx` and commit together.
 */
export interface ChangeContext extends Origin {
  readonly tx: Transaction;
  /** Runs after the commit, not at all when there is none. Must not throw. */
  onCommit(action: () => void): void;
}

/** Runs `work` in one transaction; the whole of it may run again after a serialization failure or a deadlock. */
export type RunChange = <T>(origin: Origin, work: (context: ChangeContext) => Promise<T>) => Promise<T>;

export function createRunChange(database: Database): RunChange {
  return async (origin, work) => {
    let actions: Array<() => void> = [];
    const result = await database.transaction((tx) => {
      actions = [];
      return work({ ...origin, tx, onCommit: (action) => actions.push(action) });
    });
    for (const action of actions) action();
    return result;
  };
}
