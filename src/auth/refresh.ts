import type { Audit } from '../audit/index.ts';
import { AppError } from '../errors.ts';
import type { ChangeContext, RunChange } from '../infra/change.ts';
import type { Clock } from '../infra/clock.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Users } from '../users/index.ts';
import { looksLikeAccessToken, type AccessTokens } from './access-tokens.ts';
import type { Tokens } from './contract.ts';
import { pairOf, type RefreshToken, type RefreshTokens } from './refresh-tokens.ts';
import * as repo from './repo.ts';
import type { SessionRow } from './repo.ts';

/** How long a refresh token that was rotated away is still accepted while no newer token was used. */
const graceMs = 120_000;
/** How many of the pairs side by side end the time of the token before with the use of their access token. */
const openPairsAtMost = 8;

type Decision =
  | { readonly kind: 'refused'; readonly error: AppError }
  | { readonly kind: 'reused'; readonly userId: string }
  | { readonly kind: 'rotated'; readonly tokens: Tokens };

/**
 * Rotation with confirmation by use. A refresh makes a new pair; the token it was asked with stays valid until one
 * of the new pair's tokens is used, so that a lost answer costs nothing: asking again gives another pair beside the
 * first. All pairs that stand side by side work, whichever is used first, until what one of them was rotated into is
 * used; then all of them are rotated away. Whatever was rotated away is reuse and ends the session.
 */
export function createRefresh(parts: {
  readonly runChange: RunChange;
  readonly users: Users;
  readonly audit: Audit;
  readonly telemetry: Telemetry;
  readonly clock: Clock;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly refreshTokenTtlMs: number;
  readonly endSession: (context: ChangeContext, sessionId: string, cause: 'refresh_reused') => Promise<void>;
}): (requestId: string, refreshToken: string) => Promise<Tokens> {
  const { runChange, users, audit, telemetry, clock, accessTokens, refreshTokens } = parts;

  async function rotate(context: ChangeContext, session: SessionRow, next: NextRotation): Promise<Decision> {
    // Not held: whoever ends the sessions of a user holds him first and then waits for this one.
    const user = await users.findWithin(context, session.userId);
    if (user === null || user.disabled) return refusedAs('token_invalid', 'The session has ended.');
    const issued = refreshTokens.issue(session.id, next.rotation);
    await repo.rotateSession(context.tx, session.id, {
      rotation: next.rotation,
      currentHashes: [...next.keptHashes, issued.hash],
      previousHash: next.previousHash,
      previousUntil: next.previousUntil,
      expiresAt: new Date(clock.nowMs() + parts.refreshTokenTtlMs),
    });
    const accessToken = await accessTokens.issue({
      userId: user.id,
      sessionId: session.id,
      rotation: next.rotation,
      pair: pairOf(issued.hash),
    });
    const { id, username, displayName, role } = user;
    return {
      kind: 'rotated',
      tokens: {
        accessToken,
        tokenType: 'Bearer',
        expiresInMs: accessTokens.ttlMs,
        refreshToken: issued.text,
        session: { id: session.id },
        user: { id, username, displayName, role },
      },
    };
  }

  async function decide(context: ChangeContext, token: RefreshToken): Promise<Decision> {
    const session = await repo.lockSession(context.tx, token.sessionId);
    if (session === null || session.endedAt !== null) return refusedAs('token_invalid', 'The session has ended.');
    const nowMs = clock.nowMs();
    const { isCurrent, isPrevious } = placeOf(token, session);
    if (!isCurrent && !isPrevious && !token.isGenuine)
      return refusedAs('token_invalid', 'The refresh token is not valid.');
    if (session.expiresAt.getTime() <= nowMs) return refusedAs('token_expired', 'The refresh token has expired.');
    if (isCurrent) {
      return rotate(context, session, {
        rotation: session.rotation + 1,
        keptHashes: [],
        previousHash: token.hash,
        previousUntil: new Date(nowMs + graceMs),
      });
    }
    if (isPrevious && session.previousUntil !== null && session.previousUntil.getTime() > nowMs) {
      return rotate(context, session, {
        rotation: session.rotation,
        keptHashes: session.currentHashes.slice(1 - openPairsAtMost),
        previousHash: session.previousHash,
        previousUntil: session.previousUntil,
      });
    }
    await audit.record(context, {
      action: 'auth.refresh_reused',
      target: { type: 'session', id: session.id },
      result: 'failure',
      details: { userId: session.userId },
    });
    await parts.endSession(context, session.id, 'refresh_reused');
    return { kind: 'reused', userId: session.userId };
  }

  return async (requestId, text) => {
    const token = refreshTokens.read(text);
    if (token === null) {
      throw looksLikeAccessToken(text)
        ? new AppError('token_wrong_type', 'This is an access token; a refresh token is needed here.')
        : new AppError('token_invalid', 'The refresh token is not valid.');
    }
    if (token.sessionId === '') throw new AppError('token_invalid', 'The refresh token is not valid.');
    const origin = { actor: { type: 'anonymous' }, requestId } as const;
    const decision = await runChange(origin, (context) => decide(context, token));
    switch (decision.kind) {
      case 'refused':
        throw decision.error;
      case 'reused':
        telemetry.refreshTokenReused({ requestId, userId: decision.userId, sessionId: token.sessionId });
        throw new AppError(
          'refresh_reused',
          'This refresh token was used before. The session has ended: sign in again.',
        );
      case 'rotated':
        telemetry.tokensRefreshed({ requestId, sessionId: token.sessionId });
        return decision.tokens;
    }
  };
}

/**
 * Tokens with one rotation number stand side by side. The stored hashes know them also when the key that marked them
 * is no longer accepted.
 */
function placeOf(token: RefreshToken, session: SessionRow): { isCurrent: boolean; isPrevious: boolean } {
  const marked = token.isGenuine ? token.rotation : undefined;
  return {
    isCurrent: marked === session.rotation || session.currentHashes.includes(token.hash),
    isPrevious:
      session.previousHash !== null && (marked === session.rotation - 1 || session.previousHash === token.hash),
  };
}

interface NextRotation {
  readonly rotation: number;
  readonly keptHashes: readonly string[];
  readonly previousHash: string | null;
  readonly previousUntil: Date | null;
}

function refusedAs(code: 'token_invalid' | 'token_expired', detail: string): Decision {
  return { kind: 'refused', error: new AppError(code, detail) };
}
