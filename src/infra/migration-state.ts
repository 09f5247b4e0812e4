import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type postgres from 'postgres';
import { z } from 'zod';
import { migrationsFolder } from './migrate.ts';

/** How the schema of a database stands to this release. */
export interface MigrationState {
  readonly applied: number;
  /** Names of this release's migrations that the database has not seen, oldest first. */
  readonly pending: readonly string[];
  /** How many the database has that are newer than this release. */
  readonly newer: number;
}

const journal = z.object({ entries: z.array(z.object({ when: z.number(), tag: z.string() })) });

/** Compares as the migrator does: by time. Changes nothing. Throws the driver's errors. */
export async function readMigrationState(sql: postgres.Sql): Promise<MigrationState> {
  const text = readFileSync(join(migrationsFolder, 'meta', '_journal.json'), 'utf8');
  const own = journal.parse(JSON.parse(text)).entries;
  const latestOwn = own.at(-1)?.when ?? 0;
  const [table] = await sql<[{ made: boolean }]>`
    select to_regclass('drizzle.__drizzle_migrations') is not null as made`;
  const rows = table.made
    ? await sql<{ at: string }[]>`select created_at::text as at from drizzle.__drizzle_migrations`
    : [];
  const times = rows.map(({ at }) => Number(at));
  const latest = Math.max(0, ...times);
  return {
    applied: rows.length,
    pending: own.filter(({ when }) => when > latest).map(({ tag }) => tag),
    newer: times.filter((time) => time > latestOwn).length,
  };
}
