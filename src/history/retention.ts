import type { Logger } from '../infra/logger.ts';
import { createPeriodic, type Periodic } from '../infra/periodic.ts';
import type { Database } from '../infra/postgres.ts';
import * as repo from './repo.ts';

const everyMs = 60 * 60_000;
/** Rows that one transaction deletes at most: what is stored meanwhile need not wait for it. */
const atOnce = 1_000;

/**
 * Deletes talks that ended more than `days` ago (the database's clock), and voice sessions that ended as long ago: once
 * at the start and then every hour. Several processes may do so at once.
 */
export function createRetention(parts: {
  readonly database: Database;
  readonly logger: Logger;
  readonly days: number;
}): Periodic {
  const { database, logger, days } = parts;

  async function deleteAll(signal: AbortSignal, some: typeof repo.deleteOldTalks): Promise<number> {
    let total = 0;
    while (!signal.aborted) {
      const deleted = await database.transaction((tx) => some(tx, { days, atMost: atOnce }));
      total += deleted;
      if (deleted < atOnce) break;
    }
    return total;
  }

  return createPeriodic({
    name: 'history retention',
    everyMs,
    logger,
    work: async (signal) => {
      const talks = await deleteAll(signal, repo.deleteOldTalks);
      const voiceSessions = await deleteAll(signal, repo.deleteOldVoiceSessions);
      if (talks + voiceSessions > 0) logger.info({ talks, voiceSessions, days }, 'old history was deleted');
    },
  });
}
