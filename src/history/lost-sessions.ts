import type { Logger } from '../infra/logger.ts';
import type { Database } from '../infra/postgres.ts';
import type { FloorHistorySource, GroupLife } from '../realtime/index.ts';
import * as repo from './repo.ts';

/** Voice sessions that are read at a time. */
const pageSize = 500;

/**
 * Looks after the voice sessions that PostgreSQL has as open. Returns a function that looks at each of them once, until
 * `signal` is aborted: one that goes on in the live store takes over how many took part so far; one that is not there,
 * with nothing left to store of its group, was lost with the live store and ends with the latest that is known of it:
 * the end of its last talk, or when this process last saw it live. What comes of it later is stored all the same and
 * corrects its end. Several processes may look at once. What the live store does not answer stays as it is.
 *
 * Throws `dependency_unavailable` when PostgreSQL is away, and `FloorStoreUnavailable`; the next look goes on then.
 */
export function createLostSessions(parts: {
  readonly database: Database;
  readonly source: Pick<FloorHistorySource, 'lives' | 'recordLoss'>;
  readonly logger: Logger;
}): (signal: AbortSignal) => Promise<void> {
  const { database, source, logger } = parts;
  /** When the open ones were last seen live, by the live store's clock. */
  let seen = new Map<string, Date>();

  /** Returns when it was seen live, or null when it has ended. */
  async function lookAt(session: repo.OpenVoiceSession, life: GroupLife | null): Promise<Date | null> {
    const { id, groupId } = session;
    const seenAt = seen.get(id) ?? session.startedAt;
    if (life === null) return seenAt;
    if (life.voiceSessionId === id) {
      const { participants } = life;
      if (participants > session.participantCount) {
        await database.read((query) => repo.raiseParticipants(query, { id, participants }));
      }
      return new Date(life.nowMs);
    }
    if (life.hasPending) return seenAt;
    // The gap is recorded for groups that are live by PostgreSQL.
    await source.recordLoss(groupId);
    const endedAt = await database.transaction((tx) => repo.endLostVoiceSession(tx, { id, groupId, seenAt }));
    if (endedAt !== null)
      logger.info({ groupId, voiceSessionId: id, endedAt }, 'a voice session that was lost has ended');
    return null;
  }

  return async (signal) => {
    const stillOpen = new Map<string, Date>();
    let after: string | null = null;
    do {
      const page: repo.OpenVoiceSession[] = await database.read((query) =>
        repo.openVoiceSessions(query, { after, atMost: pageSize }),
      );
      const lives = await source.lives(page.map(({ groupId }) => groupId));
      for (const [index, session] of page.entries()) {
        if (signal.aborted) return;
        const seenAt = await lookAt(session, lives[index] ?? null);
        if (seenAt !== null) stillOpen.set(session.id, seenAt);
      }
      after = page.length < pageSize ? null : (page.at(-1)?.id ?? null);
    } while (after !== null);
    seen = stillOpen;
  };
}
