import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';
import { users } from '../users/schema.ts';

/** One device of a user that is signed in: its refresh-token family. Refresh tokens are kept as SHA-256 only. */
export const authSessions = pgTable(
  'auth_sessions',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    deviceName: text('device_name').notNull(),
    deviceKind: text('device_kind', { enum: ['watch', 'phone', 'browser', 'console', 'other'] }).notNull(),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    lastSeenAt: timestamp('last_seen_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    /** When the newest refresh token lapses. */
    expiresAt: timestamp('expires_at', { withTimezone: true, precision: 3 }).notNull(),
    /** How often the family was rotated. */
    rotation: integer('rotation').notNull().default(0),
    /** The newest pair; more than one after repeated refreshes, the latest last. */
    currentHashes: text('current_hashes').array().notNull(),
    /** A token of the pair before, while no newer one was used. */
    previousHash: text('previous_hash'),
    previousUntil: timestamp('previous_until', { withTimezone: true, precision: 3 }),
    endedAt: timestamp('ended_at', { withTimezone: true, precision: 3 }),
    endCause: text('end_cause'),
  },
  (table) => [
    index('auth_sessions_living_user')
      .on(table.userId)
      .where(sql`${table.endedAt} is null`),
    index('auth_sessions_living_expiry')
      .on(table.expiresAt)
      .where(sql`${table.endedAt} is null`),
    check('auth_sessions_device_kind', sql`${table.deviceKind} in ('watch', 'phone', 'browser', 'console', 'other')`),
    check('auth_sessions_end', sql`(${table.endedAt} is null) = (${table.endCause} is null)`),
    check('auth_sessions_previous', sql`(${table.previousHash} is null) = (${table.previousUntil} is null)`),
  ],
);
