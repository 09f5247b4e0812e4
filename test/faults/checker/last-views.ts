import type { ConnectionRecord, GroupRecord } from './history.ts';
import type { Findings } from './report.ts';
import { describeView, type View, viewOfSnapshot } from './view.ts';

/** When all is quiet, every client sees what the store says, and so does every process. */
export function checkLastViews(
  groups: readonly GroupRecord[],
  connections: readonly { readonly connection: ConnectionRecord; readonly views: ReadonlyMap<string, View> }[],
  findings: Findings,
): void {
  for (const { groupId, isDeleted, last } of groups) {
    const [snapshot, ...others] = last.map(viewOfSnapshot).map(describeView);
    if (isDeleted || snapshot === undefined) continue;
    for (const other of others) {
      if (other !== snapshot) findings.add('views', `${groupId}: one process says ${snapshot}, another ${other}`);
    }
    for (const { connection, views } of connections) {
      const view = views.get(groupId);
      if (connection.endedAtMs !== null || view === undefined) continue;
      const seen = describeView(view);
      if (seen !== snapshot)
        findings.add('views', `${connection.name} in ${groupId} sees ${seen}, the store says ${snapshot}`);
    }
  }
}
