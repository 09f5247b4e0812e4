import type { ChangeContext } from '../infra/change.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import type { StorableRecord, TalkRecord } from './records.ts';
import * as repo from './repo.ts';
import type { TalkCount, TalkRow, VoiceSessionChange } from './repo.ts';

/** A record says something that contradicts what is stored. */
export class ContradictingRecord extends Error {
  override readonly name = 'ContradictingRecord';
}

/**
 * Stores records of any groups in the caller's transaction: voice sessions, each talk once with its event
 * `talk.finished`, and what the session counts. Records that were stored before change nothing. Returns the number of
 * talks that were new. Throws `ContradictingRecord` when a voice session is another group's.
 */
export async function storeBatch(
  context: ChangeContext,
  outbox: Outbox,
  records: readonly StorableRecord[],
): Promise<number> {
  const { tx } = context;
  const sessions = mergeChanges(records);
  const taken = await repo.storeVoiceSessions(tx, sessions);
  if (taken.length !== sessions.length) throw new ContradictingRecord('the voice session belongs to another group');
  for (const record of records) if (record.kind === 'opened') await repo.endOlderVoiceSessions(tx, changeOf(record));

  const talks = records.filter((record) => record.kind === 'talk');
  const stored = await repo.insertTalks(tx, talks.map(rowOf).toSorted(byId((row) => row.talkId)));
  await Promise.all([
    ...countsOf(stored).map((count) => repo.addTalks(tx, count)),
    outbox.appendAll(
      context,
      'talk.finished',
      stored.map(({ talkId, groupId, voiceSessionId, userId }) => ({ talkId, groupId, voiceSessionId, userId })),
    ),
  ]);
  return stored.length;
}

/** One change per voice session and group, ordered by id. */
function mergeChanges(records: readonly StorableRecord[]): VoiceSessionChange[] {
  const changes = new Map<string, VoiceSessionChange>();
  for (const record of records) {
    const change = changeOf(record);
    const before = changes.get(change.id);
    changes.set(change.id, before === undefined ? change : mergeTwo(before, change));
  }
  return [...changes.values()].toSorted(byId((change) => change.id));
}

function mergeTwo(one: VoiceSessionChange, other: VoiceSessionChange): VoiceSessionChange {
  if (one.groupId !== other.groupId) throw new ContradictingRecord('two groups name the same voice session');
  const startedAt = one.startedAt < other.startedAt ? one.startedAt : other.startedAt;
  const endedAt = other.endedAt ?? one.endedAt;
  const participantCount = Math.max(one.participantCount, other.participantCount);
  return { ...one, startedAt, endedAt, participantCount };
}

function changeOf(record: StorableRecord): VoiceSessionChange {
  const { voiceSessionId: id, groupId } = record;
  switch (record.kind) {
    case 'opened':
      return { id, groupId, startedAt: record.startedAt, endedAt: null, participantCount: 0 };
    case 'closed':
      return { id, groupId, startedAt: record.endedAt, endedAt: record.endedAt, participantCount: record.participants };
    case 'talk':
      return { id, groupId, startedAt: record.startedAt, endedAt: null, participantCount: record.participants };
    default:
      return record satisfies never;
  }
}

function rowOf({ kind: _kind, participants: _participants, ...row }: TalkRecord): TalkRow {
  return row;
}

/** What talks that were new add to their voice sessions. */
function countsOf(stored: readonly TalkRow[]): TalkCount[] {
  const bySession = Map.groupBy(stored, (row) => row.voiceSessionId);
  return [...bySession].map(([voiceSessionId, rows]) => ({
    voiceSessionId,
    talkCount: rows.length,
    talkMs: rows.reduce((sum, row) => sum + row.durationMs, 0),
    lastEndedAt: new Date(Math.max(...rows.map((row) => row.endedAt.getTime()))),
  }));
}

function byId<T>(idOf: (item: T) => string): (one: T, other: T) => number {
  return (one, other) => (idOf(one) < idOf(other) ? -1 : Number(idOf(one) > idOf(other)));
}
