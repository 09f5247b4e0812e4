import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, primaryKey, text, timestamp, uuid } from 'drizzle-orm/pg-core';
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
    index('auth_sessions_living')
      .on(table.id)
      .where(sql`${table.endedAt} is null`),
    index('auth_sessions_living_user')
      .on(table.userId, table.id)
      .where(sql`${table.endedAt} is null`),
    index('auth_sessions_living_expiry')
      .on(table.expiresAt)
      .where(sql`${table.endedAt} is null`),
    check('auth_sessions_device_kind', sql`${table.deviceKind} in ('watch', 'phone', 'browser', 'console', 'other')`),
    check('auth_sessions_end', sql`(${table.endedAt} is null) = (${table.endCause} is null)`),
    check('auth_sessions_previous', sql`(${table.previousHash} is null) = (${table.previousUntil} is null)`),
  ],
);

/** Codes by which a device without keyboard signs in, once. Of the code itself only an HMAC is kept. */
export const pairingCodes = pgTable(
  'pairing_codes',
  {
    id: uuid('id').primaryKey(),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    codeHash: text('code_hash').notNull().unique('pairing_codes_code_hash'),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    expiresAt: timestamp('expires_at', { withTimezone: true, precision: 3 }).notNull(),
    usedAt: timestamp('used_at', { withTimezone: true, precision: 3 }),
  },
  (table) => [
    index('pairing_codes_user').on(table.userId),
    index('pairing_codes_expiry').on(table.expiresAt),
    check('pairing_codes_span', sql`${table.expiresAt} > ${table.createdAt}`),
  ],
);

/** How often somebody failed to prove who he is, counted by account or by address for all processes together. */
export const failedAttempts = pgTable(
  'failed_attempts',
  {
    /** What was tried, and what is counted by: `login_account`. */
    kind: text('kind').notNull(),
    /** HMAC of the account or address: what was typed as a user name may be a password. */
    key: text('key').notNull(),
    count: integer('count').notNull(),
    lastAt: timestamp('last_at', { withTimezone: true, precision: 3 }).notNull(),
    /** From then on the count is zero. */
    endsAt: timestamp('ends_at', { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [
    primaryKey({ name: 'failed_attempts_pkey', columns: [table.kind, table.key] }),
    index('failed_attempts_end').on(table.endsAt),
    check('failed_attempts_count', sql`${table.count} > 0`),
  ],
);
