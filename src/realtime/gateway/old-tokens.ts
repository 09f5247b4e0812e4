import { dependencyUnavailable } from '../../errors.ts';
import type { Authentication } from '../access.ts';
import type { GatewayContext } from './context.ts';

type Parts = Pick<GatewayContext, 'timing'> & {
  readonly ports: Pick<GatewayContext['ports'], 'clock' | 'sessions' | 'tokenRenewal'>;
};

/** No socket is refused or closed for an old token while a new one cannot be had, nor for a while after. */
export function oldTokensCount({ ports, timing }: Parts, nowMs: number): boolean {
  const sinceMs = renewalSinceMs(ports);
  return sinceMs === null || sinceMs + timing.tokenGraceMs > nowMs;
}

/**
 * Whose token a socket comes with. One too old even for a time without renewal is not refused then, as its owner could
 * do nothing about it: throws `AppError` `dependency_unavailable`, as where the session cannot be known.
 */
export async function authenticate(parts: Parts, token: string): Promise<Authentication> {
  const { sessions, clock } = parts.ports;
  const mayHaveExpired = oldTokensCount(parts, clock.monotonicMs());
  const authentication = await sessions.authenticate(token, { mayHaveExpired });
  const isTooOld = !authentication.ok && authentication.reason === 'token_expired';
  if (isTooOld && renewalSinceMs(parts.ports) === null) throw dependencyUnavailable('postgres');
  return authentication;
}

function renewalSinceMs({ tokenRenewal }: Parts['ports']): number | null {
  return tokenRenewal === undefined ? -Infinity : tokenRenewal.possibleSinceMs();
}
