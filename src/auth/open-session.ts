import type { ChangeContext } from '../infra/change.ts';
import type { Clock } from '../infra/clock.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import type { AccessTokens } from './access-tokens.ts';
import type { Device, OwnUser, Tokens } from './contract.ts';
import { pairOf, type RefreshTokens } from './refresh-tokens.ts';
import * as repo from './repo.ts';

/** Opens a session for a user whom the caller has identified and holds, and makes its first tokens. */
export type OpenSession = (context: ChangeContext, user: OwnUser, device: Device) => Promise<Tokens>;

export function createOpenSession(parts: {
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly accessTokens: AccessTokens;
  readonly refreshTokens: RefreshTokens;
  readonly refreshTokenTtlMs: number;
}): OpenSession {
  const { outbox, clock, accessTokens, refreshTokens } = parts;
  return async (context, user, device) => {
    const id = repo.newSessionId();
    const refreshToken = refreshTokens.issue(id, 0);
    await repo.insertSession(context.tx, {
      id,
      userId: user.id,
      device,
      refreshHash: refreshToken.hash,
      expiresAt: new Date(clock.nowMs() + parts.refreshTokenTtlMs),
    });
    await outbox.append(context, 'session.created', { sessionId: id, userId: user.id });
    const accessToken = await accessTokens.issue({
      userId: user.id,
      sessionId: id,
      rotation: 0,
      pair: pairOf(refreshToken.hash),
    });
    return {
      accessToken,
      tokenType: 'Bearer',
      expiresInMs: accessTokens.ttlMs,
      refreshToken: refreshToken.text,
      session: { id },
      user: { id: user.id, username: user.username, displayName: user.displayName, role: user.role },
    };
  };
}
