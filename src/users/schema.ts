import { sql } from 'drizzle-orm';
import { boolean, check, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';

/** People. Deleted softly: a row without `deletedAt` is living. */
export const users = pgTable(
  'users',
  {
    id: uuid('id').primaryKey(),
    username: text('username').notNull(),
    displayName: text('display_name').notNull(),
    role: text('role', { enum: ['admin', 'user'] }).notNull(),
    disabled: boolean('disabled').notNull().default(false),
    /** argon2id in its PHC form; without one the user signs in by pairing only. */
    passwordHash: text('password_hash'),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    deletedAt: timestamp('deleted_at', { withTimezone: true, precision: 3 }),
  },
  (table) => [
    uniqueIndex('users_living_username')
      .on(table.username)
      .where(sql`${table.deletedAt} is null`),
    check('users_role', sql`${table.role} in ('admin', 'user')`),
    check('users_username', sql`${table.username} ~ '^[a-z0-9._-]{2,64}$'`),
    check('users_display_name', sql`char_length(${table.displayName}) between 1 and 64`),
  ],
);
