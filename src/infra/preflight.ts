/** Is what the configuration names there? Asked once before the start, so that the answer can name the variable. */
import { Redis } from 'ioredis';
import postgres from 'postgres';
import type { Secret } from '../config.ts';
import { errorCode, StartFault } from './start-fault.ts';

const answerMs = 5000;

/** Throws {@link StartFault} in one line when PostgreSQL does not take a connection. */
export async function checkPostgres(url: Secret): Promise<void> {
  const sql = postgres(url.reveal(), {
    max: 1,
    fetch_types: false,
    connect_timeout: answerMs / 1000,
    onnotice: () => undefined,
  });
  try {
    await sql`select 1`;
  } catch (error) {
    throw new StartFault(`DATABASE_URL: ${postgresReason(errorCode(error), url)}`);
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function postgresReason(code: string, url: Secret): string {
  const where = placeOf(url, '5432');
  if (code === '28P01' || code === '28000')
    return `PostgreSQL at ${where} refuses this user or password. Correct the URL.`;
  if (code === '3D000') return `PostgreSQL at ${where} has no such database. Create it, or correct the URL.`;
  if (code === '57P03') return `PostgreSQL at ${where} is still starting up. Start again in a moment.`;
  return `no PostgreSQL answers at ${where} (${code || 'no reason given'}). Start it, or correct the URL.`;
}

/** Throws {@link StartFault} in one line when Redis does not answer a PING. */
export async function checkRedis(url: Secret): Promise<void> {
  const redis = new Redis(url.reveal(), {
    lazyConnect: true,
    connectTimeout: answerMs,
    commandTimeout: answerMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let refusal: unknown;
  redis.on('error', (error) => (refusal = error));
  try {
    await redis.connect();
    await redis.ping();
  } catch (error) {
    throw new StartFault(`REDIS_URL: ${redisReason(refusal ?? error, url)}`);
  } finally {
    redis.disconnect();
  }
}

function redisReason(error: unknown, url: Secret): string {
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
