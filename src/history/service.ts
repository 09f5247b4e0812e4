import { AppError } from '../errors.ts';
import type { Logger } from '../infra/logger.ts';
import { createPeriodic } from '../infra/periodic.ts';
import type { Database } from '../infra/postgres.ts';
import { FloorStoreUnavailable } from '../realtime/index.ts';
import * as repo from './repo.ts';
import type { HistoryFilter, HistoryPage, TalkRow, VoiceSessionRow } from './repo.ts';
import { createRetention } from './retention.ts';
import { createWriter, type WriterParts } from './writer.ts';

/** What was said when by whom, and when groups were live. Lists have the newest first. */
export interface History {
  listTalks(filter: HistoryFilter, page: HistoryPage): Promise<TalkRow[]>;
  listVoiceSessions(filter: HistoryFilter, page: HistoryPage): Promise<VoiceSessionRow[]>;
  /** The live store has noted something: it is stored now instead of within a second. */
  wake(): void;
  /** Begins to carry what the live store notes into PostgreSQL, and to delete what is too old. */
  start(): void;
  /** Stores what is still pending, if PostgreSQL and the live store are there, and ends. */
  stop(): Promise<void>;
}

export interface HistoryParts extends WriterParts {
  readonly database: Database;
  /** How many days finished talks and voice sessions are kept; 0: for ever. */
  readonly retentionDays: number;
}

const writeEveryMs = 1_000;
/** Talks that end shortly after one another are stored by one transaction. */
const gatherMs = 300;

export function createHistory(parts: HistoryParts): History {
  const { database } = parts;
  const logger: Logger = parts.logger.child({ part: 'history' });
  const write = createWriter({ ...parts, logger });
  /** What the writer waits for; null while it can work. */
  let waitsFor: string | null = null;
  let waking: NodeJS.Timeout | null = null;

  async function work(signal: AbortSignal): Promise<void> {
    try {
      await write(signal);
      if (waitsFor !== null) logger.info({ dependency: waitsFor }, 'history is being stored again');
      waitsFor = null;
    } catch (error) {
      const dependency = dependencyOf(error);
      if (dependency === null) throw error;
      if (waitsFor !== dependency) {
        logger.warn({ err: error, dependency }, 'history waits in the live store until both ends are back');
      }
      waitsFor = dependency;
    }
  }

  const writer = createPeriodic({ name: 'history writer', everyMs: writeEveryMs, logger, work });
  const retention = parts.retentionDays === 0 ? null : createRetention({ database, logger, days: parts.retentionDays });
  return {
    listTalks: (filter, page) => database.read((query) => repo.listTalks(query, filter, page)),
    listVoiceSessions: (filter, page) => database.read((query) => repo.listVoiceSessions(query, filter, page)),
    wake: () => {
      waking ??= setTimeout(() => {
        waking = null;
        writer.trigger();
      }, gatherMs).unref();
    },
    start: () => {
      writer.start();
      retention?.start();
      retention?.trigger();
    },
    stop: async () => {
      if (waking !== null) clearTimeout(waking);
      await Promise.all([writer.stop(), retention?.stop()]);
      if (waitsFor === null) await work(new AbortController().signal);
    },
  };
}

function dependencyOf(error: unknown): string | null {
  if (error instanceof AppError && error.code === 'dependency_unavailable') return error.dependency ?? 'postgres';
  return error instanceof FloorStoreUnavailable ? 'live store' : null;
}
