import type { Database } from '../infra/postgres.ts';
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

export function createLiveStoreGenerations(database: Database): LiveStoreGenerations {
  return { currentGeneration: (store) => database.read((query) => raiseGeneration(query, store)) };
}
