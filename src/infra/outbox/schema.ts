import { sql } from 'drizzle-orm';
import { bigint, customType, index, jsonb, pgTable, text, timestamp, uuid } from 'drizzle-orm/pg-core';

const transactionId = customType<{ data: string; driverData: string }>({ dataType: () => 'xid8' });

/** What happened, written in the transaction in which it happened. Rows are kept for a while and then swept. */
export const domainEvent = pgTable(
  'domain_event',
  {
    id: uuid('id').primaryKey(),
    /** The transaction that wrote the row: with `position` the order in which readers move on. */
    transactionId: transactionId('transaction_id')
      .notNull()
      .default(sql`pg_current_xact_id()`),
    position: bigint('position', { mode: 'number' }).notNull().generatedAlwaysAsIdentity(),
    type: text('type').notNull(),
    payload: jsonb('payload').notNull(),
    requestId: text('request_id').notNull(),
    createdAt: timestamp('created_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [
    index('domain_event_order').on(table.transactionId, table.position),
    index('domain_event_created_at').on(table.createdAt),
  ],
);
