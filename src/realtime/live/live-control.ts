import { dependencyUnavailable } from '../../errors.ts';
import type { FloorActor } from '../access.ts';
import { type FloorStore, FloorStoreUnavailable } from '../floor/index.ts';
import { TooLate, within } from '../gateway/index.ts';
import { type FloorSnapshot, type PresentMember, presentMember } from '../protocol/index.ts';
import type { Live } from './create-live.ts';
import { floorSnapshot } from './snapshot-text.ts';

/** A live store that answers, but slowly, is given up by who only looks. */
const LOOK_LIMIT_MS = 2_000;

/** A group as its operators see it, over all processes. */
export interface GroupOverview {
  readonly floor: FloorSnapshot;
  /** The first 500. */
  readonly presence: readonly PresentMember[];
  readonly connections: number;
}

/** What operators may see of live groups and do to them. All throw `AppError` `dependency_unavailable`. */
export interface LiveControl {
  /** In the order of the ids; a group that is not live is idle and empty, and stays as it is. */
  overview(groupIds: readonly string[]): Promise<readonly GroupOverview[]>;
  /**
   * Ends the talk that there is, or cancels the reservation, on every process, as `REVOKE_TALK` does. It is recorded,
   * but for a talk that `recordedTalkId` says is recorded already.
   */
  revokeTalk(groupId: string, by: FloorActor, recordedTalkId: string | null): Promise<void>;
}

export function createLiveControl(parts: {
  readonly live: Pick<Live, 'groups' | 'endings'>;
  readonly store: FloorStore;
  /** Milliseconds for a whole overview. */
  readonly lookLimitMs?: number;
}): LiveControl {
  const { live, store, lookLimitMs = LOOK_LIMIT_MS } = parts;

  async function look(groupId: string): Promise<GroupOverview> {
    const snapshot = await store.snapshot({ groupId, since: null });
    // Looking lets happen what is due. Rights that nobody took away just now are left to those who keep the group.
    if (snapshot.published.length > 0) live.groups.apply(groupId, snapshot);
    return {
      floor: floorSnapshot(snapshot, null),
      presence: snapshot.presence.map((text) => presentMember.parse(JSON.parse(text))),
      connections: snapshot.connections,
    };
  }

  return {
    overview: (groupIds) => available(within(Promise.all(groupIds.map(look)), lookLimitMs)),
    revokeTalk: (groupId, by, recordedTalkId) =>
      available(live.endings.revoke({ groupId, talkId: null, by, recordedTalkId })),
  };
}

async function available<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isAway = error instanceof FloorStoreUnavailable || error instanceof TooLate;
    throw isAway ? dependencyUnavailable('redis', error) : error;
  }
}
