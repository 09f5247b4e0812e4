import { and, desc, eq, exists, gt, gte, inArray, isNull, lt, max, ne, notExists, sql, type SQL } from 'drizzle-orm';
import type { AnyPgColumn } from 'drizzle-orm/pg-core';
import type { Queryable } from '../infra/postgres.ts';
import { groupVoiceSessions, historyRejected, speakerHistory } from './schema.ts';

export type TalkRow = typeof speakerHistory.$inferSelect;
export type VoiceSessionRow = typeof groupVoiceSessions.$inferSelect;

/** What a batch of records says of a voice session. */
export interface VoiceSessionChange {
  readonly id: string;
  readonly groupId: string;
  readonly startedAt: Date;
  readonly endedAt: Date | null;
  /** Users seen in it so far. */
  readonly participantCount: number;
}

export interface TalkCount {
  readonly voiceSessionId: string;
  readonly talkCount: number;
  readonly talkMs: number;
  /** The end of the last one. */
  readonly lastEndedAt: Date;
}

/** A voice session that has not ended, as far as PostgreSQL was told. */
export type OpenVoiceSession = Pick<VoiceSessionRow, 'id' | 'groupId' | 'startedAt' | 'participantCount'>;

export interface HistoryFilter {
  readonly groupId?: string | undefined;
  readonly userId?: string | undefined;
  /** Started then or later. */
  readonly from?: Date | undefined;
  /** Started before then. */
  readonly to?: Date | undefined;
}

/** A page of a list that has the newest first: what comes after this start and id. */
export interface HistoryPage {
  readonly after: { readonly startedAt: Date; readonly id: string } | undefined;
  readonly limit: number;
}

/**
 * Opens or ends voice sessions; ones that are known already take the earlier start, the end and the larger number of
 * participants. Changes come in the order of their ids and hold their rows until the transaction ends: several writers
 * with the same records wait for one another here and nowhere else. Returns the ids that were taken: not those which
 * belong to another group.
 */
export async function storeVoiceSessions(tx: Queryable, changes: readonly VoiceSessionChange[]): Promise<string[]> {
  if (changes.length === 0) return [];
  const { startedAt, endedAt, groupId, participantCount } = groupVoiceSessions;
  const start = sql`least(${startedAt}, excluded.started_at)`;
  const rows = await tx
    .insert(groupVoiceSessions)
    .values([...changes])
    .onConflictDoUpdate({
      target: groupVoiceSessions.id,
      set: {
        startedAt: start,
        participantCount: sql`greatest(${participantCount}, excluded.participant_count)`,
        endedAt: sql`case when excluded.ended_at is null then ${endedAt} else greatest(excluded.ended_at, ${start}) end`,
      },
      setWhere: sql`${groupId} = excluded.group_id`,
    })
    .returning({ id: groupVoiceSessions.id });
  return rows.map((row) => row.id);
}

/**
 * A group is live once at a time: older sessions of it whose end was never told, because the live store lost it, are
 * over when a new one opens.
 */
export async function endOlderVoiceSessions(tx: Queryable, opened: VoiceSessionChange): Promise<void> {
  const { id, groupId, startedAt, endedAt } = groupVoiceSessions;
  await tx
    .update(groupVoiceSessions)
    .set({ endedAt: opened.startedAt })
    .where(and(eq(groupId, opened.groupId), isNull(endedAt), lt(startedAt, opened.startedAt), ne(id, opened.id)));
}

/**
 * Returns those that were not there. They come in the order of their ids. All rows are one parameter: a statement with
 * a parameter for each value takes longer to build than PostgreSQL to run.
 */
export async function insertTalks(tx: Queryable, talks: readonly TalkRow[]): Promise<TalkRow[]> {
  if (talks.length === 0) return [];
  const values = JSON.stringify(talks.map((talk) => ({ ...talk, displayName: talk.displayName.toWellFormed() })));
  const rows = await tx.execute<{ id: string }>(sql`
    insert into ${speakerHistory} (talk_id, group_id, voice_session_id, user_id, display_name, emergency, started_at,
      ended_at, duration_ms, cause)
    select * from json_to_recordset(${values}::text::json) as talk (
      "talkId" uuid, "groupId" uuid, "voiceSessionId" uuid, "userId" uuid, "displayName" text, "emergency" boolean,
      "startedAt" timestamptz, "endedAt" timestamptz, "durationMs" integer, "cause" text)
    on conflict (talk_id) do nothing
    returning talk_id as id`);
  // Of a talk that is told twice in one batch the first is stored.
  const stored = new Set(rows.map(({ id }) => id));
  return talks.filter(({ talkId }) => stored.delete(talkId));
}

/** A voice session that is said to have ended before one of its talks ended with that. */
export async function addTalks(tx: Queryable, count: TalkCount): Promise<void> {
  const { id, talkCount, talkMs, endedAt } = groupVoiceSessions;
  const lastEndedAt = sql`${count.lastEndedAt.toISOString()}::timestamptz`;
  await tx
    .update(groupVoiceSessions)
    .set({
      talkCount: sql`${talkCount} + ${count.talkCount}`,
      talkMs: sql`${talkMs} + ${count.talkMs}`,
      endedAt: sql`case when ${endedAt} is not null then greatest(${endedAt}, ${lastEndedAt}) end`,
    })
    .where(eq(id, count.voiceSessionId));
}

/** In the order of their ids, those behind `after`. */
export async function openVoiceSessions(
  query: Queryable,
  { after, atMost }: { readonly after: string | null; readonly atMost: number },
): Promise<OpenVoiceSession[]> {
  const { id, groupId, startedAt, participantCount, endedAt } = groupVoiceSessions;
  return query
    .select({ id, groupId, startedAt, participantCount })
    .from(groupVoiceSessions)
    .where(and(isNull(endedAt), after === null ? undefined : gt(id, after)))
    .orderBy(id)
    .limit(atMost);
}

/** So many have taken part, or more by now. */
export async function raiseParticipants(
  query: Queryable,
  session: { readonly id: string; readonly participants: number },
): Promise<void> {
  const { id, participantCount } = groupVoiceSessions;
  await query
    .update(groupVoiceSessions)
    .set({ participantCount: session.participants })
    .where(and(eq(id, session.id), lt(participantCount, session.participants)));
}

/**
 * Ends a voice session with its last talk, or when it was last seen live. Holds its row first, so that no talk of it is
 * stored meanwhile. Returns the end; null when it has one already.
 */
export async function endLostVoiceSession(
  tx: Queryable,
  lost: { readonly id: string; readonly groupId: string; readonly seenAt: Date },
): Promise<Date | null> {
  const { id, startedAt, endedAt } = groupVoiceSessions;
  const isOpen = and(eq(id, lost.id), isNull(endedAt));
  await tx.select({ id }).from(groupVoiceSessions).where(isOpen).for('update');
  const lastTalk = tx
    .select({ endedAt: max(speakerHistory.endedAt) })
    .from(speakerHistory)
    .where(and(eq(speakerHistory.groupId, lost.groupId), eq(speakerHistory.voiceSessionId, lost.id)));
  const rows = await tx
    .update(groupVoiceSessions)
    .set({ endedAt: sql`greatest(${startedAt}, ${lost.seenAt.toISOString()}::timestamptz, (${lastTalk}))` })
    .where(isOpen)
    .returning({ endedAt });
  return rows[0]?.endedAt ?? null;
}

export async function insertRejected(
  query: Queryable,
  row: Omit<typeof historyRejected.$inferInsert, 'rejectedAt'>,
): Promise<void> {
  await query.insert(historyRejected).values(row).onConflictDoNothing();
}

/** Groups whose voice session has not ended, up to `atMost` of them, and how many there are. */
export async function groupsLive(
  query: Queryable,
  atMost: number,
): Promise<{ readonly groupIds: readonly string[]; readonly count: number }> {
  const { groupId, endedAt } = groupVoiceSessions;
  const rows = await query
    .select({ groupId, count: sql<number>`(count(*) over ())::int` })
    .from(groupVoiceSessions)
    .where(isNull(endedAt))
    .groupBy(groupId)
    .orderBy(groupId)
    .limit(atMost);
  return { groupIds: rows.map((row) => row.groupId), count: rows[0]?.count ?? 0 };
}

interface OldRows {
  /** Ended more than this many days ago, by the database's clock. */
  readonly days: number;
  readonly atMost: number;
}

/** Returns how many were deleted; rows that somebody else deletes at the moment are left to him. */
export async function deleteOldTalks(tx: Queryable, { days, atMost }: OldRows): Promise<number> {
  const { talkId, startedAt, endedAt } = speakerHistory;
  const old = tx
    .select({ talkId })
    .from(speakerHistory)
    .where(and(lt(startedAt, daysAgo(days)), lt(endedAt, daysAgo(days))))
    .limit(atMost)
    .for('update', { skipLocked: true });
  return (await tx.delete(speakerHistory).where(inArray(talkId, old)).returning({ talkId })).length;
}

/** As {@link deleteOldTalks}; a voice session goes after the last of its talks. */
export async function deleteOldVoiceSessions(tx: Queryable, { days, atMost }: OldRows): Promise<number> {
  const { id, startedAt, endedAt } = groupVoiceSessions;
  const talks = tx
    .select({ one: sql`1` })
    .from(speakerHistory)
    .where(eq(speakerHistory.voiceSessionId, id));
  const old = tx
    .select({ id })
    .from(groupVoiceSessions)
    .where(and(lt(startedAt, daysAgo(days)), lt(endedAt, daysAgo(days)), notExists(talks)))
    .limit(atMost)
    .for('update', { skipLocked: true });
  return (await tx.delete(groupVoiceSessions).where(inArray(id, old)).returning({ id })).length;
}

function daysAgo(days: number): SQL {
  return sql`now() - make_interval(days => ${days})`;
}

export async function listTalks(query: Queryable, filter: HistoryFilter, page: HistoryPage): Promise<TalkRow[]> {
  const { groupId, userId, startedAt, talkId } = speakerHistory;
  return query
    .select()
    .from(speakerHistory)
    .where(
      and(
        filter.groupId === undefined ? undefined : eq(groupId, filter.groupId),
        filter.userId === undefined ? undefined : eq(userId, filter.userId),
        ...within(startedAt, talkId, filter, page),
      ),
    )
    .orderBy(desc(startedAt), desc(talkId))
    .limit(page.limit);
}

/** With `userId`: those in which he talked. */
export async function listVoiceSessions(
  query: Queryable,
  filter: HistoryFilter,
  page: HistoryPage,
): Promise<VoiceSessionRow[]> {
  const { id, groupId, startedAt } = groupVoiceSessions;
  const talksOf = (userId: string) =>
    query
      .select({ one: sql`1` })
      .from(speakerHistory)
      .where(and(eq(speakerHistory.voiceSessionId, id), eq(speakerHistory.userId, userId)));
  return query
    .select()
    .from(groupVoiceSessions)
    .where(
      and(
        filter.groupId === undefined ? undefined : eq(groupId, filter.groupId),
        filter.userId === undefined ? undefined : exists(talksOf(filter.userId)),
        ...within(startedAt, id, filter, page),
      ),
    )
    .orderBy(desc(startedAt), desc(id))
    .limit(page.limit);
}

function within(
  startedAt: AnyPgColumn,
  id: AnyPgColumn,
  filter: HistoryFilter,
  page: HistoryPage,
): (SQL | undefined)[] {
  const { after } = page;
  return [
    filter.from === undefined ? undefined : gte(startedAt, filter.from),
    filter.to === undefined ? undefined : lt(startedAt, filter.to),
    after === undefined
      ? undefined
      : sql`(${startedAt}, ${id}) < (${after.startedAt.toISOString()}::timestamptz, ${after.id}::uuid)`,
  ];
}
