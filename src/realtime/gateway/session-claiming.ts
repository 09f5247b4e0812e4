import type { LiveConnection } from './connection.ts';
import type { GatewayContext } from './context.ts';
import { gatewayLimits } from './ports.ts';
import { within } from './within.ts';

/** A claim outlives the token, as a token's end may be put off while it cannot be renewed. */
const CLAIM_MARGIN_MS = 3_600_000;

/** A connection and whose it is. */
export interface Claimant {
  readonly userId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  readonly requestId: string;
  /** Unix time in milliseconds. */
  readonly tokenExpiresAtMs: number;
}

/** Claims the session over all processes; without the store the sockets of this process are all that is known. */
export async function claimSession(context: GatewayContext, claimant: Claimant): Promise<'claimed' | 'limit'> {
  const { ports, registry, timing } = context;
  const userLimit = ports.rateLimits ? gatewayLimits.socketsPerUser : 0;
  try {
    return await within(ports.claims.claim(toClaim(context, claimant), userLimit), timing.claimTimeoutMs);
  } catch (err) {
    const { requestId, connectionId } = claimant;
    ports.logger.warn({ err, requestId, connectionId }, 'the live store did not take a session claim');
    const full = userLimit > 0 && registry.countOfUser(claimant.userId) >= userLimit;
    return full && registry.ofSession(claimant.sessionId) === undefined ? 'limit' : 'claimed';
  }
}

/** Prolongs a connection's claim; closes it when another socket has taken the session over. */
export async function renewClaim(context: GatewayContext, connection: LiveConnection): Promise<void> {
  const { claims, logger } = context.ports;
  const { id: connectionId, requestId, user, session, tokenExpiresAtMs } = connection;
  const claimant = { userId: user.id, sessionId: session.id, connectionId, requestId, tokenExpiresAtMs };
  try {
    if (!(await claims.renew(toClaim(context, claimant)))) connection.close('replaced');
    // Renewed after its end: what `release` found nothing of stands now.
    else if (!connection.open) releaseClaim(context, claimant);
  } catch (err) {
    logger.debug({ err, requestId, connectionId }, 'claim not renewed');
  }
}

/** Gives a claim up, in the background. */
export function releaseClaim(context: GatewayContext, { userId, sessionId, connectionId, requestId }: Claimant): void {
  const { claims, logger } = context.ports;
  claims
    .release({ userId, sessionId, connectionId })
    .catch((err: unknown) => logger.debug({ err, requestId, connectionId }, 'claim not released'));
}

function toClaim(context: GatewayContext, { userId, sessionId, connectionId, tokenExpiresAtMs }: Claimant) {
  const tokenMs = Math.max(0, Math.round(tokenExpiresAtMs - context.ports.clock.nowMs()));
  return { userId, sessionId, connectionId, ttlMs: tokenMs + CLAIM_MARGIN_MS };
}
