import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import { groups } from '../groups/schema.ts';
import { users } from '../users/schema.ts';

/** The span in which a group was live: from its first present member to a while after the last. */
export const groupVoiceSessions = pgTable(
  'group_voice_sessions',
  {
    id: uuid('id').primaryKey(),
    groupId: uuid('group_id')
      .notNull()
      .references(() => groups.id),
    startedAt: timestamp('started_at', { withTimezone: true, precision: 3 }).notNull(),
    endedAt: timestamp('ended_at', { withTimezone: true, precision: 3 }),
    talkCount: integer('talk_count').notNull().default(0),
    talkMs: bigint('talk_ms', { mode: 'number' }).notNull().default(0),
    participantCount: integer('participant_count').notNull().default(0),
  },
  (table) => [
    index('group_voice_sessions_group').on(table.groupId, table.startedAt, table.id),
    index('group_voice_sessions_started_at').on(table.startedAt, table.id),
    check('group_voice_sessions_span', sql`${table.endedAt} is null or ${table.endedAt} >= ${table.startedAt}`),
    check(
      'group_voice_sessions_counts',
      sql`${table.talkCount} >= 0 and ${table.talkMs} >= 0 and ${table.participantCount} >= 0`,
    ),
  ],
);

/** One row per talk. The key is the talk's id, so that storing it twice is storing it once. */
export const speakerHistory = pgTable(
  'speaker_history',
  {
    talkId: uuid('talk_id').primaryKey(),
    groupId: uuid('group_id')
      .notNull()
      .references(() => groups.id),
    voiceSessionId: uuid('voice_session_id')
      .notNull()
      .references(() => groupVoiceSessions.id),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    /** As the talker was called at that time. */
    displayName: text('display_name').notNull(),
    emergency: boolean('emergency').notNull(),
    startedAt: timestamp('started_at', { withTimezone: true, precision: 3 }).notNull(),
    endedAt: timestamp('ended_at', { withTimezone: true, precision: 3 }).notNull(),
    durationMs: integer('duration_ms').notNull(),
    cause: text('cause', {
      enum: ['released', 'too_long', 'preempted', 'revoked', 'lost', 'removed', 'expired', 'media_failed'],
    }).notNull(),
  },
  (table) => [
    index('speaker_history_group').on(table.groupId, table.startedAt, table.talkId),
    index('speaker_history_user').on(table.userId, table.startedAt, table.talkId),
    index('speaker_history_started_at').on(table.startedAt, table.talkId),
    check('speaker_history_span', sql`${table.endedAt} >= ${table.startedAt} and ${table.durationMs} >= 0`),
    check(
      'speaker_history_cause',
      sql`${table.cause} in ('released', 'too_long', 'preempted', 'revoked', 'lost', 'removed', 'expired', 'media_failed')`,
    ),
  ],
);

/**
 * Records of the live store that no table could take, as they were: an unknown group or user, or broken fields. Kept
 * for an operator to look at; the fingerprint makes putting one aside twice putting it aside once.
 */
export const historyRejected = pgTable('history_rejected', {
  fingerprint: text('fingerprint').primaryKey(),
  groupId: text('group_id').notNull(),
  /** JSON text; not jsonb, which refuses texts that JSON allows. */
  record: text('record').notNull(),
  reason: text('reason').notNull(),
  rejectedAt: timestamp('rejected_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
});
