import { sql } from 'drizzle-orm';
import { check, index, jsonb, pgTable, text, timestamp, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { users } from '../users/schema.ts';
import type { GroupSettings } from './contract.ts';

/** Groups. Deleted softly, their memberships with them. */
export const groups = pgTable(
  'groups',
  {
    id: uuid('id').primaryKey(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    /** What differs from the defaults or was set; read together with them. */
    settings: jsonb('settings').$type<Partial<GroupSettings>>().notNull().default({}),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    deletedAt: timestamp('deleted_at', { withTimezone: true, precision: 3 }),
  },
  (table) => [
    check('groups_name', sql`char_length(${table.name}) between 1 and 64`),
    check('groups_description', sql`char_length(${table.description}) <= 500`),
    check('groups_settings', sql`jsonb_typeof(${table.settings}) = 'object'`),
  ],
);

/** Who is in which group, and as what. Somebody who comes again gets a new row. */
export const groupMembers = pgTable(
  'group_members',
  {
    id: uuid('id').primaryKey(),
    groupId: uuid('group_id')
      .notNull()
      .references(() => groups.id),
    userId: uuid('user_id')
      .notNull()
      .references(() => users.id),
    role: text('role', { enum: ['group_manager', 'member'] }).notNull(),
    talk: text('talk', { enum: ['allowed', 'listen_only'] }).notNull(),
    joinedAt: timestamp('joined_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    deletedAt: timestamp('deleted_at', { withTimezone: true, precision: 3 }),
  },
  (table) => [
    uniqueIndex('group_members_living_membership')
      .on(table.groupId, table.userId)
      .where(sql`${table.deletedAt} is null`),
    uniqueIndex('group_members_living_manager')
      .on(table.groupId)
      .where(sql`${table.deletedAt} is null and ${table.role} = 'group_manager'`),
    index('group_members_living_user')
      .on(table.userId)
      .where(sql`${table.deletedAt} is null`),
    check('group_members_role', sql`${table.role} in ('group_manager', 'member')`),
    check('group_members_talk', sql`${table.talk} in ('allowed', 'listen_only')`),
    check('group_members_manager_talks', sql`${table.role} <> 'group_manager' or ${table.talk} = 'allowed'`),
  ],
);
