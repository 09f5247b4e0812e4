import { sql } from 'drizzle-orm';
import { check, index, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

/** Who did what, on whom, when and how it ended. Append only: triggers of the migration refuse everything else. */
export const audit = pgTable(
  'audit',
  {
    id: uuid('id').primaryKey(),
    at: timestamp('at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
    actorType: text('actor_type', { enum: ['user', 'system', 'anonymous'] }).notNull(),
    actorUserId: uuid('actor_user_id'),
    action: text('action').notNull(),
    targetType: text('target_type'),
    targetId: text('target_id'),
    result: text('result', { enum: ['success', 'failure'] }).notNull(),
    requestId: text('request_id').notNull(),
    details: jsonb('details').$type<Readonly<Record<string, unknown>>>().notNull().default({}),
  },
  (table) => [
    index('audit_at').on(table.at, table.id),
    index('audit_actor').on(table.actorUserId, table.id),
    index('audit_target').on(table.targetId, table.id),
    index('audit_details_user').on(sql`(${table.details} ->> 'userId')`, table.id),
    index('audit_details_previous_manager')
      .on(sql`(${table.details} ->> 'previousManagerId')`, table.id)
      .where(sql`${table.details} ->> 'previousManagerId' is not null`),
    index('audit_details_group').on(sql`(${table.details} ->> 'groupId')`, table.id),
    check('audit_actor_type', sql`${table.actorType} in ('user', 'system', 'anonymous')`),
    check('audit_actor_user', sql`(${table.actorType} = 'user') = (${table.actorUserId} is not null)`),
    check('audit_result', sql`${table.result} in ('success', 'failure')`),
    check('audit_target_whole', sql`(${table.targetType} is null) = (${table.targetId} is null)`),
  ],
);
