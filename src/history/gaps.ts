import type { Audit } from '../audit/index.ts';
import type { ChangeContext } from '../infra/change.ts';
import * as repo from './repo.ts';

/** Groups that a record names; of more it says how many. */
const mostGroups = 100;

/**
 * Records that history may have a gap: the live store was lost or replaced while groups were live. Their talks are told
 * to the new store by the processes that saw them; those of processes that died with the old one are missing (floor.md,
 * invariant 3). Nothing is recorded when no group was live.
 */
export function createGapRecords(
  audit: Audit,
): (
  context: ChangeContext,
  store: { readonly key: string; readonly generation: number; readonly isEmpty: boolean },
) => Promise<void> {
  return async (context, { key, generation, isEmpty }) => {
    const { groupIds, count } = await repo.groupsLive(context.tx, mostGroups);
    if (count === 0) return;
    await audit.record(context, {
      action: 'history.gap',
      target: null,
      details: { liveStore: key, generation, cause: isEmpty ? 'lost' : 'replaced', liveGroups: count, groupIds },
    });
  };
}
