/** What a PostgreSQL says of itself and of the schema in it. Nothing is changed. */
import postgres from 'postgres';
import type { Secret } from '../../config.ts';
import { readMigrationState, type MigrationState } from '../migration-state.ts';

export interface PostgresFacts {
  /** As the server writes it, `17.2`. */
  readonly version: string;
  /** `server_version_num`: 170002 for 17.2. */
  readonly versionNumber: number;
  readonly user: string;
  readonly database: string;
  /** A standby, or set to read only. */
  readonly isReadOnly: boolean;
  /** May this user make what migrations make: schemas in the database, tables in `public`? */
  readonly mayCreate: boolean;
  /** The server's clock minus this machine's, in milliseconds; exact to half of `latencyMs`. */
  readonly clockAheadMs: number;
  readonly latencyMs: number;
  /** `null`: this user may not read the table of migrations. */
  readonly migrations: MigrationState | null;
}

/** Throws the driver's errors, after about `limitMs` when nothing answers. */
export async function probePostgres(url: Secret, limitMs: number): Promise<PostgresFacts> {
  const sql = postgres(url.reveal(), {
    max: 1,
    fetch_types: false,
    connect_timeout: limitMs / 1000,
    onnotice: () => undefined,
    connection: { application_name: 'neda doctor', statement_timeout: limitMs },
  });
  try {
    await sql`select 1`;
    const askedAtMs = Date.now();
    const startedAtMs = performance.now();
    const [row] = await sql<
      [
        {
          now_ms: string;
          version: string;
          version_number: string;
          user: string;
          database: string;
          is_read_only: boolean;
          may_create: boolean;
        },
      ]
    >`
      select (extract(epoch from clock_timestamp()) * 1000)::bigint::text as now_ms,
        current_setting('server_version') as version,
        current_setting('server_version_num') as version_number,
        current_user::text as user,
        current_database()::text as database,
        pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on' as is_read_only,
        has_database_privilege(current_database(), 'CREATE') and has_schema_privilege('public', 'CREATE') as may_create`;
    const latencyMs = performance.now() - startedAtMs;
    return {
      version: row.version,
      versionNumber: Number(row.version_number),
      user: row.user,
      database: row.database,
      isReadOnly: row.is_read_only,
      mayCreate: row.may_create,
      clockAheadMs: Number(row.now_ms) - (askedAtMs + latencyMs / 2),
      latencyMs,
      migrations: await readMigrationState(sql).catch((error: unknown) => {
        if (error instanceof postgres.PostgresError && error.code === '42501') return null;
        throw error;
      }),
    };
  } finally {
    await sql.end({ timeout: 1 });
  }
}
