/** Is what the configuration names there? Asked once before the start, so that the answer can name the variable. */
import postgres from 'postgres';
import type { Secret } from '../config.ts';
import { readMigrationState } from './migration-state.ts';
import { probeRedis, type RedisFacts } from './probes/redis.ts';
import { errorCode, StartFault, unavailableExitCode } from './start-fault.ts';

const answerMs = 5000;

/** Throws {@link StartFault} in one line when PostgreSQL does not take a connection. */
export async function checkPostgres(url: Secret): Promise<void> {
  const sql = connect(url);
  try {
    await sql`select 1`;
  } catch (error) {
    throw new StartFault(`DATABASE_URL: ${postgresReason(error, url)}`, unavailableExitCode);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Throws {@link StartFault} when the database lacks migrations of this release. Applies none. */
export async function checkSchema(url: Secret): Promise<void> {
  const sql = connect(url);
  try {
    const { pending } = await readMigrationState(sql);
    if (pending.length > 0) {
      throw new StartFault(
        `The database at ${placeOf(url, '5432')} lacks ${pending.length} migrations of this release. Apply them with: npm run db:migrate`,
      );
    }
  } catch (error) {
    if (error instanceof StartFault) throw error;
    throw new StartFault(`DATABASE_URL: ${postgresReason(error, url)}`, unavailableExitCode);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function connect(url: Secret): postgres.Sql {
  return postgres(url.reveal(), {
    max: 1,
    fetch_types: false,
    connect_timeout: answerMs / 1000,
    onnotice: () => undefined,
  });
}

/** Why PostgreSQL does not take the connection, and how to mend it; never the driver's own words. */
export function postgresReason(error: unknown, url: Secret): string {
  const code = errorCode(error);
  const where = placeOf(url, '5432');
  if (code === '28P01' || code === '28000')
    return `PostgreSQL at ${where} refuses this user or password. Correct the URL.`;
  if (code === '3D000') return `PostgreSQL at ${where} has no such database. Create it, or correct the URL.`;
  if (code === '42501')
    return `PostgreSQL at ${where} does not let this user read the migrations. Grant it, or use their owner.`;
  if (code === '57P03') return `PostgreSQL at ${where} is still starting up. Start again in a moment.`;
  return `no PostgreSQL answers at ${where} (${code || 'no reason given'}). Start it, or correct the URL.`;
}

/** What Redis says of itself. Throws {@link StartFault} in one line when it does not answer. */
export async function checkRedis(url: Secret): Promise<RedisFacts> {
  try {
    return await probeRedis(url, answerMs);
  } catch (error) {
    throw new StartFault(`REDIS_URL: ${redisReason(error, url)}`, unavailableExitCode);
  }
}

/** Why Redis does not answer, and how to mend it; never its own words. */
export function redisReason(error: unknown, url: Secret): string {
  const where = placeOf(url, '6379');
  const message = error instanceof Error ? error.message : '';
  if (/NOAUTH|WRONGPASS|NOPERM|invalid password/i.test(message))
    return `Redis at ${where} refuses this user or password. Correct the URL.`;
  if (/LOADING/.test(message)) return `Redis at ${where} is still loading its data. Start again in a moment.`;
  return `no Redis answers at ${where} (${errorCode(error) || 'no answer'}). Start it, or correct the URL.`;
}

/** Host and port of a URL, never its user or password. */
export function placeOf(url: Secret, defaultPort: string): string {
  try {
    const { hostname, port } = new URL(url.reveal());
    return `${hostname || 'localhost'}:${port || defaultPort}`;
  } catch {
    return 'the given address';
  }
}
