import type { EventLog } from './event-log.ts';
import type { History } from './history.ts';
import type { Findings } from './report.ts';
import type { AnnouncedTalk } from './talks.ts';

/**
 * Every announced talk has exactly one row, which says what was announced, and no row is of a talk that nobody was
 * told of. Returns the talks without a row by what an emptied live store took with it: open ones, and ended ones.
 */
export function checkRecord(
  history: History,
  talks: ReadonlyMap<string, AnnouncedTalk>,
  log: EventLog,
  findings: Findings,
): { open: number; ended: number } {
  const lost = { open: 0, ended: 0 };
  const rows = Map.groupBy(history.stored, (row) => row.talkId);
  for (const talk of talks.values()) {
    const [row, second] = rows.get(talk.talkId) ?? [];
    const end = talk.ends[0];
    if (row === undefined) {
      if (history.circumstances.storeWasLost && talk.isOfOldEpoch) lost[end === undefined ? 'open' : 'ended'] += 1;
      findings.add('one row', `${talk.talkId} of ${talk.groupId} (${end?.cause ?? 'no end seen'}) was not stored`);
      continue;
    }
    if (second !== undefined) findings.add('one row', `${talk.talkId} was stored more than once`);
    if (row.userId !== talk.speakerId) {
      findings.add('one row', `${talk.talkId} was stored for ${row.userId}, announced for ${talk.speakerId}`);
    }
    // What an emptied store took with it is told by those who heard of it, by their own clocks.
    const isTold = history.circumstances.storeWasLost && talk.isOfOldEpoch;
    if (end !== undefined && (end.cause !== row.cause || (end.durationMs !== row.durationMs && !isTold))) {
      findings.add(
        'one row',
        `${talk.talkId} was stored as ${row.cause} ${row.durationMs} ms, announced as ${end.cause} ${end.durationMs} ms`,
      );
    }
  }
  const complete = new Set(log.groups.filter((groupId) => isComplete(log, groupId)));
  for (const row of history.stored) {
    if (complete.has(row.groupId) && !talks.has(row.talkId)) {
      findings.add('one row', `${row.talkId} of ${row.groupId} (${row.cause}) was stored, and nobody was told of it`);
    }
  }
  return lost;
}

/** Everything that happened in the group since its beginning was seen by somebody. */
function isComplete(log: EventLog, groupId: string): boolean {
  const epochs = log.epochs(groupId);
  const [only] = epochs;
  if (only === undefined || epochs.length > 1) return false;
  const numbers = [...only.events.keys(), ...only.snapshots.keys()];
  const first = Math.min(...numbers);
  for (let seq = first + 1; seq <= Math.max(...numbers); seq += 1) if (!only.events.has(seq)) return false;
  return first <= 1;
}
