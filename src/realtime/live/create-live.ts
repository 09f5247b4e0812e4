import type { FloorAudit } from '../access.ts';
import type { Bus } from '../bus/index.ts';
import type { FloorStore, FloorTimings } from '../floor/index.ts';
import type { MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import { GroupJoins } from './group-joins.ts';
import { Leavers } from './leavers.ts';
import { LiveGroups } from './live-groups.ts';
import { MemberChanges } from './member-changes.ts';
import type { StreamIds } from './stream-ids.ts';
import { TalkEndings } from './talk-endings.ts';
import type { TalkLedger } from './talk-ledger.ts';
import { TalkRequests } from './talk-requests.ts';
import type { FloorTelemetry } from './telemetry.ts';

export interface LiveOptions {
  readonly store: FloorStore;
  readonly bus: Bus;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly timings: FloorTimings;
  readonly telemetry: FloorTelemetry;
  readonly audit: FloorAudit;
  readonly ledger: TalkLedger;
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
