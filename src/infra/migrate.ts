import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate as applyMigrations } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { fromDriver } from './postgres.ts';

/** The migrations of this release. */
export const migrationsFolder = fileURLToPath(new URL('../../migrations', import.meta.url));
/** The advisory lock of migrations: any number that nothing else in the database uses. */
const migrationLock = 7_233_001;

/**
 * Brings the database at `url` to this release's schema. Any number of processes may call it at once: they wait for
 * one another on an advisory lock. Throws `dependency_unavailable` when PostgreSQL is away.
 */
export async function migrate(url: string): Promise<void> {
  const client = postgres(url, {
    max: 1,
    connect_timeout: 5,
    onnotice: () => undefined,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: 0,
  });
  try {
    await client`select pg_advisory_lock(${migrationLock})`;
    try {
      await applyMigrations(drizzle(client), { migrationsFolder });
    } finally {
      await client`select pg_advisory_unlock(${migrationLock})`;
    }
  } catch (error) {
    throw fromDriver(error);
  } finally {
    await client.end({ timeout: 1 });
  }
}
