import { sql } from 'drizzle-orm';
import { bigint, check, pgTable, text, timestamp } from 'drizzle-orm/pg-core';

/** One row per live store (a Redis, or the store inside a process): how often it was seen to begin anew. */
export const liveStore = pgTable(
  'live_store',
  {
    key: text('key').primaryKey(),
    runId: text('run_id').notNull(),
    generation: bigint('generation', { mode: 'number' }).notNull(),
    updatedAt: timestamp('updated_at', { withTimezone: true, precision: 3 }).notNull().defaultNow(),
  },
  (table) => [check('live_store_generation', sql`${table.generation} between 1 and 2097151`)],
);
