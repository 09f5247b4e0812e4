import { AppError } from '../errors.ts';
import type { Logger } from '../infra/logger.ts';
import { createPeriodic } from '../infra/periodic.ts';
import type { Database } from '../infra/postgres.ts';
import { FloorStoreUnavailable } from '../realtime/index.ts';
import { createLostSessions } from './lost-sessions.ts';
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
/** What the live store has lost ends within this time. */
const lookEveryMs = 20_000;
/** Talks that end shortly after one another are stored by one transaction. */
const gatherMs = 300;

export function createHistory(parts: HistoryParts): History {
  const { database, source } = parts;
  const logger: Logger = parts.logger.child({ part: 'history' });
  const write = createWriter({ ...parts, logger });
  /** What the writer waits for; null while it can work. */
  let waitsFor: string | null = null;
  let waking: NodeJS.Timeout | null = null;

  async function carry(signal: AbortSignal): Promise<void> {
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

  const writer = createPeriodic({ name: 'history writer', everyMs: writeEveryMs, logger, work: carry });
  const retention = parts.retentionDays === 0 ? null : createRetention({ database, logger, days: parts.retentionDays });
  const lookForLost = createLostSessions({ database, source, logger });
  const lostSessions = createPeriodic({
    name: 'lost voice sessions',
    everyMs: lookEveryMs,
    logger,
    work: async (signal) => {
      try {
        await lookForLost(signal);
      } catch (error) {
        if (dependencyOf(error) === null) throw error;
        logger.debug({ err: error }, 'lost voice sessions wait until both ends are back');
      }
    },
  });

  /** Who took part in what goes on the live store knows; without its answer it is what was stored last. */
  async function withParticipants(rows: VoiceSessionRow[]): Promise<VoiceSessionRow[]> {
    const open = rows.filter(({ endedAt }) => endedAt === null);
    const lives = await source.lives(open.map(({ groupId }) => groupId));
    const counts = new Map(lives.map((life) => [life?.voiceSessionId, life?.participants ?? 0]));
    return rows.map((row) => ({
      ...row,
      participantCount: Math.max(row.participantCount, counts.get(row.id) ?? 0),
    }));
  }

  return {
    listTalks: (filter, page) => database.read((query) => repo.listTalks(query, filter, page)),
    listVoiceSessions: async (filter, page) =>
      withParticipants(await database.read((query) => repo.listVoiceSessions(query, filter, page))),
    wake: () => {
      waking ??= setTimeout(() => {
        waking = null;
        writer.trigger();
      }, gatherMs).unref();
    },
    start: () => {
      writer.start();
      lostSessions.start();
      lostSessions.trigger();
      retention?.start();
      retention?.trigger();
    },
    stop: async () => {
      if (waking !== null) clearTimeout(waking);
      await Promise.all([writer.stop(), lostSessions.stop(), retention?.stop()]);
      if (waitsFor === null) await carry(new AbortController().signal);
    },
  };
}

function dependencyOf(error: unknown): string | null {
  if (error instanceof AppError && error.code === 'dependency_unavailable') return error.dependency ?? 'postgres';
  return error instanceof FloorStoreUnavailable ? 'live store' : null;
}
