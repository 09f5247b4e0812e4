import { GroupJoins } from './group-joins.ts';
import { Leavers } from './leavers.ts';
import { LiveGroups, type LiveGroupsOptions } from './live-groups.ts';
import { MemberChanges } from './member-changes.ts';
import type { StreamIds } from './stream-ids.ts';
import { TalkEndings } from './talk-endings.ts';
import { TalkRequests } from './talk-requests.ts';

export interface LiveOptions extends Omit<LiveGroupsOptions, 'onHandOver'> {
  readonly streams: StreamIds;
  /** Is told of what failed and is tried again, or given up; `step` names it. */
  readonly onError: (error: unknown, step: string) => void;
}

/** What happens in the groups of this process. */
export interface Live {
  readonly groups: LiveGroups;
  readonly joins: GroupJoins;
  readonly requests: TalkRequests;
  readonly endings: TalkEndings;
  readonly changes: MemberChanges;
}

export function createLive(options: LiveOptions): Live {
  const groups: LiveGroups = new LiveGroups({
    ...options,
    onHandOver: (keeper, note) => requests.handOver(keeper, note),
  });
  const requests = new TalkRequests({ ...options, withdrawals: groups.withdrawals });
  const joins = new GroupJoins({ ...options, groups, leavers: new Leavers({ ...options, groups }) });
  const endings = new TalkEndings({ ...options, groups });
  const changes = new MemberChanges({ ...options, groups, endings });
  return { groups, joins, requests, endings, changes };
}
