import type { ChangeContext, RunChange } from '../infra/change.ts';
import { raiseGeneration } from './repo.ts';

/** The generations of live stores, from which epochs are made. Source: floor.md "Epochs". */
export interface LiveStoreGenerations {
  /**
   * The generation of the live store `key` (≥ 1, < 2²¹). Raised when its `runId` differs from the stored one and when
   * `isEmpty` is true; a caller that finds the store empty marks it, or the next caller raises again.
   * Throws `dependency_unavailable` when PostgreSQL is away.
   */
  currentGeneration(store: {
    readonly key: string;
    readonly runId: string;
    readonly isEmpty: boolean;
  }): Promise<number>;
}

/** A live store stands in the place of another one, or has lost its data. */
export interface ReplacedStore {
  readonly key: string;
  readonly generation: number;
  readonly isEmpty: boolean;
}

export function createLiveStoreGenerations(parts: {
  readonly runChange: RunChange;
  /** Commits with the new generation. */
  readonly onReplaced: (context: ChangeContext, store: ReplacedStore) => Promise<void>;
}): LiveStoreGenerations {
  const origin = { actor: { type: 'system' }, requestId: 'live-store' } as const;
  return {
    currentGeneration: (store) =>
      parts.runChange(origin, async (context) => {
        const { generation, isReplaced } = await raiseGeneration(context.tx, store);
        const { key, isEmpty } = store;
        if (isReplaced) await parts.onReplaced(context, { key, generation, isEmpty });
        return generation;
      }),
  };
}
