import type { Clock } from '../infra/clock.ts';
import type { Logger } from '../infra/logger.ts';
import type { Outbox, StoredEvent } from '../infra/outbox/index.ts';
import { createPeriodic } from '../infra/periodic.ts';
import type { Database } from '../infra/postgres.ts';
import { createReadCache, staleMs } from '../infra/read-cache.ts';
import type { UserRecord, Users } from '../users/index.ts';
import type { AccessClaims, AccessTokens } from './access-tokens.ts';
import type { OwnUser, Session } from './contract.ts';
import { looksLikeRefreshToken, pairOf } from './refresh-tokens.ts';
import * as repo from './repo.ts';
import type { SessionRow } from './repo.ts';
import { sessionOnWire } from './wire.ts';

type AuthenticationRefusal =
  | 'token_invalid'
  | 'token_expired'
  | 'token_wrong_type'
  | 'user_disabled'
  | 'session_revoked';

type AuthenticationResult =
  | {
      readonly ok: true;
      readonly user: OwnUser;
      readonly session: Session;
      /** End of the access token, Unix time in milliseconds. */
      readonly expiresAtMs: number;
    }
  | { readonly ok: false; readonly reason: AuthenticationRefusal };

interface AuthenticateOptions {
  readonly isFresh?: boolean;
  readonly mayHaveExpired?: boolean;
}

export interface Authenticator {
  /**
   * Whose access token this is. Costs no read when this process knows the session, else one. `isFresh` reads in any
   * case. What is known is used for up to 30 min while PostgreSQL is away. `mayHaveExpired`: the token counts for 30 min
   * more, for use while none can be had.
   * Throws `dependency_unavailable` when the session is not known and PostgreSQL is away.
   */
  authenticate(accessToken: string, options?: AuthenticateOptions): Promise<AuthenticationResult>;
  /**
   * Is this a living session of a user who may sign in? Reads now; while PostgreSQL is away, what this process knows
   * counts. Throws `dependency_unavailable` when it knows nothing then.
   */
  isLiving(userId: string, sessionId: string): Promise<boolean>;
  /** The session is in use now; stored with others every 10 s. Never throws. */
  seen(sessionId: string): void;
}

interface Known {
  readonly session: SessionRow | null;
  readonly user: UserRecord | null;
}

const flushEveryMs = 10_000;
const flushedAtOnce = 10_000;

export function createAuthenticator(parts: {
  readonly database: Database;
  readonly users: Users;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly accessTokens: AccessTokens;
  readonly logger: Logger;
}): {
  readonly authenticator: Authenticator;
  /** Drops what is known of one session. */
  readonly forget: (sessionId: string) => void;
  readonly startAuthenticator: () => void;
  readonly stopAuthenticator: () => Promise<void>;
} {
  const { database, users, clock, accessTokens } = parts;
  /** When sessions were last in use, since it was last stored. */
  let lastSeen = new Map<string, number>();
  let unsubscribe: (() => void) | undefined;

  const cache = createReadCache<Known>(clock.monotonicMs);

  async function read(claims: AccessClaims): Promise<Known> {
    const [session, user] = await Promise.all([
      database.read((query) => repo.findSession(query, claims.sessionId)),
      users.find(claims.userId),
    ]);
    return { session, user };
  }

  /** As `read`, for a session of which no access token of ours says whose it is. */
  async function readBySession(sessionId: string): Promise<Known> {
    const session = await database.read((query) => repo.findSession(query, sessionId));
    return { session, user: session === null ? null : await users.find(session.userId) };
  }

  /** The first use of a new pair ends the time of the pair before. */
  async function confirm(session: SessionRow, claims: AccessClaims, isFresh: boolean): Promise<void> {
    if (session.previousHash === null) return;
    const used = session.currentHashes.find((hash) => pairOf(hash) === claims.pair);
    if (used === undefined) return;
    try {
      await database.read((query) => repo.confirmPair(query, session.id, used));
      cache.drop(session.id);
    } catch (error) {
      if (isFresh) throw error;
      parts.logger.debug({ err: error, sessionId: session.id }, 'the use of a pair could not be noted');
    }
  }

  async function authenticate(accessToken: string, options: AuthenticateOptions = {}): Promise<AuthenticationResult> {
    if (looksLikeRefreshToken(accessToken)) return { ok: false, reason: 'token_wrong_type' };
    const expiredAtMostMs = options.mayHaveExpired === true ? staleMs : 0;
    const verified = await accessTokens.verify(accessToken, { expiredAtMostMs });
    if (!verified.ok) return verified;
    const { claims } = verified;
    const isFresh = options.isFresh === true;
    const load = () => read(claims);
    const known = isFresh
      ? await cache.getFresh(claims.sessionId, load)
      : await cache.get(claims.sessionId, load, (value) => knowsPair(value, claims));
    const living = livingOf(known, claims.userId);
    if (!living.ok) return living;
    const { session, user } = living;
    await confirm(session, claims, isFresh);
    seen(session.id);
    return {
      ok: true,
      user: { id: user.id, username: user.username, displayName: user.displayName, role: user.role },
      session: sessionOnWire(session, true),
      expiresAtMs: claims.expiresAtMs,
    };
  }

  function livingOf(
    { session, user }: Known,
    userId: string,
  ):
    | { readonly ok: true; readonly session: SessionRow; readonly user: UserRecord }
    | { readonly ok: false; readonly reason: AuthenticationRefusal } {
    if (session === null || session.userId !== userId) return { ok: false, reason: 'token_invalid' };
    if (user === null || user.disabled) return { ok: false, reason: 'user_disabled' };
    if (session.endedAt !== null || session.expiresAt.getTime() <= clock.nowMs()) {
      return { ok: false, reason: 'session_revoked' };
    }
    return { ok: true, session, user };
  }

  async function isLiving(userId: string, sessionId: string): Promise<boolean> {
    const known = await cache.getNewest(sessionId, () => readBySession(sessionId));
    return livingOf(known, userId).ok;
  }

  function seen(sessionId: string): void {
    if (lastSeen.size < flushedAtOnce || lastSeen.has(sessionId)) lastSeen.set(sessionId, clock.nowMs());
    if (lastSeen.size >= flushedAtOnce) flusher.trigger();
  }

  function onEvent(event: StoredEvent): void {
    const payload = event.payload;
    if (typeof payload !== 'object' || payload === null) return;
    if (event.type === 'session.ended' && 'sessionId' in payload && typeof payload.sessionId === 'string') {
      cache.drop(payload.sessionId);
    } else if (event.type.startsWith('user.') && 'userId' in payload) {
      const { userId } = payload;
      cache.dropWhere((value) => value.session?.userId === userId);
    }
  }

  async function flushSeen(): Promise<void> {
    const batch = lastSeen;
    if (batch.size === 0) return;
    lastSeen = new Map();
    await database.read((query) => repo.touchSessions(query, batch));
  }

  const flusher = createPeriodic({ name: 'last seen', everyMs: flushEveryMs, logger: parts.logger, work: flushSeen });

  return {
    authenticator: { authenticate, isLiving, seen },
    forget: (sessionId) => cache.drop(sessionId),
    startAuthenticator: () => {
      unsubscribe = parts.outbox.subscribe(onEvent);
      flusher.start();
    },
    stopAuthenticator: async () => {
      unsubscribe?.();
      await flusher.stop();
      try {
        await flushSeen();
      } catch (error) {
        parts.logger.debug({ err: error }, 'the last times seen could not be stored');
      }
    },
  };
}

/** What is known is as new as the token: a pair that was made later is unknown to an older entry. */
function knowsPair(known: Known, claims: AccessClaims): boolean {
  const { session } = known;
  if (session === null || session.rotation < claims.rotation) return false;
  return session.rotation > claims.rotation || session.currentHashes.some((hash) => pairOf(hash) === claims.pair);
}
