/**
 * Without Redis the live state is inside one process, so two of them on one database would give the floor of a group
 * away twice. The process holds an advisory lock of the database on a connection of its own as long as it runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import type { Secret } from '../config.ts';
import { StartFault } from './start-fault.ts';

/** Any number that nothing else in the database uses as an advisory lock. */
const lockNumber = 7_233_002;
const retryMs = 500;
/** A database that lost its client without notice keeps the old session's lock for a while. */
const toleranceMs = 20_000;

export interface SoleProcess {
  release(): Promise<void>;
}

/**
 * Takes the lock. When the connection is lost it is taken again as soon as the database is back.
 * @param onLost called once when another process has taken it meanwhile: this one must stop
 * Throws {@link StartFault} naming REDIS_URL when another process holds it.
 */
export async function becomeSoleProcess(url: Secret, onLost: () => void): Promise<SoleProcess> {
  let released = false;
  let retaking = false;
  const sql = postgres(url.reveal(), {
    max: 1,
    fetch_types: false,
    idle_timeout: 0,
    max_lifetime: 0,
    connect_timeout: 5,
    keep_alive: 10,
    backoff: () => retryMs / 1000,
    connection: { application_name: 'neda sole process' },
    onnotice: () => undefined,
    onclose: () => {
      if (!released && !retaking) void retake();
    },
  });

  async function tryLock(): Promise<boolean> {
    const [row] = await sql<[{ taken: boolean }?]>`select pg_try_advisory_lock(${lockNumber}) as taken`;
    return row?.taken === true;
  }

  async function retake(): Promise<void> {
    retaking = true;
    let refusedSinceMs: number | null = null;
    while (!released) {
      try {
        if (await tryLock()) break;
        refusedSinceMs ??= performance.now();
        if (performance.now() - refusedSinceMs > toleranceMs) {
          onLost();
          break;
        }
      } catch {
        refusedSinceMs = null;
      }
      await sleep(retryMs, undefined, { ref: false });
    }
    retaking = false;
  }

  async function release(): Promise<void> {
    released = true;
    await sql.end({ timeout: 1 });
  }

  let taken: boolean;
  try {
    taken = await tryLock();
  } catch (error) {
    await release();
    throw error;
  }
  if (!taken) {
    await release();
    throw new StartFault(
      'Another NEDA process without REDIS_URL runs on this database, and each would keep a live state of its own. Stop it, or set REDIS_URL for both.',
    );
  }
  return { release };
}
