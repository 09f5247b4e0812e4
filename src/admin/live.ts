import { type Audit, floorRevoked } from '../audit/index.ts';
import type { Groups } from '../groups/index.ts';
import type { RunChange } from '../infra/change.ts';
import type { LiveGroup } from './contract.ts';

/** What is asked of the live groups. Both throw `dependency_unavailable`. */
export interface LiveGroups {
  /** In the order of the ids; a group that is not live is idle and empty. */
  overview(groupIds: readonly string[]): Promise<ReadonlyArray<LiveState>>;
  /** Ends the talk that there is, on every process, and records it unless it is recorded already. */
  revokeTalk(groupId: string, by: Caller, recordedTalkId: string | null): Promise<void>;
}

type LiveState = Pick<LiveGroup, 'floor' | 'connections'> & {
  readonly presence: readonly LiveGroup['presence'][number][];
};

interface Caller {
  readonly userId: string;
  readonly requestId: string;
}

/** The live view, and what admins may do in it. Both throw `dependency_unavailable`. */
export interface AdminLive {
  /** How the groups are now, in their order. */
  view(groups: ReadonlyArray<{ readonly id: string; readonly name: string }>): Promise<LiveGroup[]>;
  /** Ends the talk in the group, if there is one. Throws `not_found`. */
  revokeTalk(by: Caller, groupId: string): Promise<void>;
}

export function createAdminLive(parts: {
  readonly live: LiveGroups;
  readonly groups: Groups;
  readonly audit: Audit;
  readonly runChange: RunChange;
}): AdminLive {
  const { live, groups, audit, runChange } = parts;
  return {
    view: async (shown) => {
      const states = await live.overview(shown.map(({ id }) => id));
      return shown.flatMap(({ id, name }, index) => {
        const state = states[index];
        return state === undefined ? [] : [{ ...state, group: { id, name }, presence: [...state.presence] }];
      });
    },
    revokeTalk: async (by, groupId) => {
      await groups.find(groupId);
      const [state] = await live.overview([groupId]);
      const talk =
        state?.floor.state === 'taken' ? { talkId: state.floor.talkId, userId: state.floor.speaker.userId } : null;
      // First the row, then the deed: whatever dies between them, no talk that was heard is revoked without its row.
      if (talk !== null) {
        const origin = { actor: { type: 'user', userId: by.userId }, requestId: by.requestId } as const;
        await runChange(origin, (context) => audit.record(context, floorRevoked(groupId, talk)));
      }
      await live.revokeTalk(groupId, by, talk?.talkId ?? null);
    },
  };
}
