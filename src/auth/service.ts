import type { Audit } from '../audit/index.ts';
import { notFound } from '../errors.ts';
import type { ChangeContext, RunChange } from '../infra/change.ts';
import type { Clock } from '../infra/clock.ts';
import type { Logger } from '../infra/logger.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import { createPeriodic } from '../infra/periodic.ts';
import type { Database } from '../infra/postgres.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Users } from '../users/index.ts';
import { createAccessTokens } from './access-tokens.ts';
import { createAuthenticator, type Authenticator } from './authenticator.ts';
import type { Session, Tokens } from './contract.ts';
import { createOpenSession } from './open-session.ts';
import { createPairing, type Pairing } from './pairing/pairing.ts';
import { createPasswords } from './passwords.ts';
import { createRefresh } from './refresh.ts';
import { createRefreshTokens } from './refresh-tokens.ts';
import * as repo from './repo.ts';
import type { SessionFilter } from './repo.ts';
import { createSignIn, type SignIn } from './sign-in.ts';
import * as failureCounts from './throttle/repo.ts';
import { createThrottle, noThrottle, type FailureCounts } from './throttle/throttle.ts';
import { sessionOnWire } from './wire.ts';

/** Why a session ended, in events and in the audit. */
type SessionEndCause =
  | 'logout'
  | 'revoked'
  | 'user_disabled'
  | 'user_deleted'
  | 'password_changed'
  | 'refresh_reused'
  | 'expired';

/** Signing in, sessions and their tokens. Source: the contract's REST rules. */
export interface Auth extends Authenticator, SignIn, Pairing {
  /** Throws `token_invalid`, `token_expired`, `token_wrong_type`, `refresh_reused` (which ends the session). */
  refresh(requestId: string, refreshToken: string): Promise<Tokens>;
  /** The living sessions of a user, newest first. */
  listSessions(userId: string, page: SessionPage): Promise<Session[]>;
  /** The living sessions of everybody, newest first. */
  listAllSessions(filter: SessionFilter, page: SessionPage): Promise<Session[]>;
  /** Ends one session, of `userId` when given. Throws `not_found`. */
  endSession(context: ChangeContext, sessionId: string, cause: SessionEndCause, userId?: string): Promise<void>;
  /** Ends all sessions of a user, except one when given, and voids his pairing codes. */
  endSessionsOf(context: ChangeContext, userId: string, cause: SessionEndCause, exceptId?: string): Promise<void>;
  /** For passwords that others set. Throws `validation_failed` for a common one. */
  hashPassword(password: string): Promise<string>;
  /** Is it the password of that hash? For passwords that the server itself gave; people sign in by `login`. */
  isPassword(password: string, storedHash: string | null): Promise<boolean>;
  /** Those of these sessions that live. Reads now; throws `dependency_unavailable`. */
  livingAmong(sessionIds: readonly string[]): Promise<ReadonlyArray<{ readonly id: string; readonly userId: string }>>;
  start(): void;
  stop(): Promise<void>;
}

interface SessionPage {
  readonly beforeId: string | undefined;
  readonly limit: number;
  /** The session of who asks. */
  readonly currentId: string;
}

interface AuthParts {
  readonly database: Database;
  readonly runChange: RunChange;
  readonly outbox: Outbox;
  readonly audit: Audit;
  readonly users: Users;
  readonly telemetry: Telemetry;
  readonly logger: Logger;
  readonly clock: Clock;
  /** The first signs; all are accepted. */
  readonly secretKeys: readonly [string, ...string[]];
  readonly accessTokenTtlMs: number;
  readonly refreshTokenTtlMs: number;
  /** `false` lifts the counts of failed logins. */
  readonly limitsLogins: boolean;
}

const sweepEveryMs = 60_000;
const sweptAtOnce = 200;

export function createAuth(parts: AuthParts): Auth {
  const { database, runChange, outbox, audit, users, telemetry, clock } = parts;
  const accessTokens = createAccessTokens({ keys: parts.secretKeys, ttlMs: parts.accessTokenTtlMs, clock });
  const refreshTokens = createRefreshTokens(parts.secretKeys);
  const passwords = createPasswords();
  const throttle = parts.limitsLogins
    ? createThrottle({ counts: countsIn(database), logger: parts.logger, secretKey: parts.secretKeys[0] })
    : noThrottle;
  const { authenticator, forget, stopAuthenticator, startAuthenticator } = createAuthenticator({
    database,
    users,
    outbox,
    clock,
    accessTokens,
    logger: parts.logger,
  });

  const openSession = createOpenSession({ ...parts, accessTokens, refreshTokens });
  const { pairing, voidCodesOf, deleteExpiredCodes } = createPairing({ ...parts, throttle, openSession });

  async function announceEnd(
    context: ChangeContext,
    sessions: ReadonlyArray<{ readonly id: string; readonly userId: string }>,
    cause: SessionEndCause,
  ): Promise<void> {
    for (const { id, userId } of sessions) {
      await audit.record(context, {
        action: 'session.ended',
        target: { type: 'session', id },
        details: { userId, cause },
      });
      await outbox.append(context, 'session.ended', { sessionId: id, userId, cause });
    }
    context.onCommit(() => {
      for (const { id, userId } of sessions) {
        forget(id);
        telemetry.sessionEnded({ requestId: context.requestId, userId, sessionId: id, cause });
      }
    });
  }

  async function endSession(
    context: ChangeContext,
    sessionId: string,
    cause: SessionEndCause,
    userId?: string,
  ): Promise<void> {
    const which = { id: sessionId, ...(userId === undefined ? {} : { userId }) };
    const ended = await repo.endSessions(context.tx, which, cause);
    if (ended.length === 0) throw notFound();
    await announceEnd(context, ended, cause);
  }

  async function endSessionsOf(
    context: ChangeContext,
    userId: string,
    cause: SessionEndCause,
    exceptId?: string,
  ): Promise<void> {
    await voidCodesOf(context, userId);
    const which = { userId, ...(exceptId === undefined ? {} : { exceptId }) };
    await announceEnd(context, await repo.endSessions(context.tx, which, cause), cause);
  }

  async function listAllSessions(filter: SessionFilter, page: SessionPage): Promise<Session[]> {
    const now = new Date(clock.nowMs());
    const rows = await database.read((query) => repo.listSessions(query, filter, { ...page, now }));
    return rows.map((row) => sessionOnWire(row, row.id === page.currentId));
  }

  const signIn = createSignIn({ ...parts, throttle, passwords, openSession, endSessionsOf });

  async function endExpiredSessions(): Promise<void> {
    await runChange({ actor: { type: 'system' }, requestId: 'expired-sessions' }, async (context) => {
      const which = { expiredBefore: new Date(clock.nowMs()), atMost: sweptAtOnce };
      await announceEnd(context, await repo.endSessions(context.tx, which, 'expired'), 'expired');
    });
  }

  const deleteEndedCounts = (): Promise<void> => database.read(failureCounts.deleteEndedCounts);
  const { logger } = parts;
  const sweepers = [
    createPeriodic({ name: 'expired sessions', everyMs: sweepEveryMs, logger, work: endExpiredSessions }),
    createPeriodic({ name: 'expired pairing codes', everyMs: sweepEveryMs, logger, work: deleteExpiredCodes }),
    createPeriodic({ name: 'failed attempts', everyMs: sweepEveryMs, logger, work: deleteEndedCounts }),
  ];

  return {
    ...authenticator,
    ...pairing,
    ...signIn,
    refresh: createRefresh({ ...parts, accessTokens, refreshTokens, endSession }),
    listSessions: (userId, page) => listAllSessions({ userId }, page),
    listAllSessions,
    endSession,
    endSessionsOf,
    hashPassword: (password) => passwords.hash(password, 'password'),
    isPassword: passwords.isRight,
    livingAmong: async (sessionIds) =>
      sessionIds.length === 0
        ? []
        : database.read((query) => repo.listLivingAmong(query, sessionIds, new Date(clock.nowMs()))),
    start: () => {
      startAuthenticator();
      for (const sweeper of sweepers) sweeper.start();
    },
    stop: async () => {
      await Promise.all([...sweepers.map((sweeper) => sweeper.stop()), stopAuthenticator()]);
    },
  };
}

function countsIn(database: Database): FailureCounts {
  return {
    read: (keys) => database.read((query) => failureCounts.readCounts(query, keys)),
    add: (keys) => database.read((query) => failureCounts.addFailure(query, keys)),
    forget: (key) => database.read((query) => failureCounts.deleteCount(query, key)),
  };
}
