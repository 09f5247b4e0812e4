import type { ReplacementHandler, SessionClaims } from './port.ts';

/** Claims of a single process. `shared` lets several stand-ins of a process share one store in tests. */
export interface MemoryClaimStore {
  readonly claims: Map<string, Map<string, MemoryClaim>>;
}

interface MemoryClaim {
  readonly connectionId: string;
  readonly owner: MemoryOwner;
  expiresAtMs: number;
}

interface MemoryOwner {
  handler: ReplacementHandler | null;
  closed: boolean;
}

export function createMemoryClaimStore(): MemoryClaimStore {
  return { claims: new Map() };
}

/** The in-process adapter, for a start without Redis. */
export function createMemorySessionClaims(
  monotonicMs: () => number,
  store: MemoryClaimStore = createMemoryClaimStore(),
): SessionClaims {
  const self: MemoryOwner = { handler: null, closed: false };

  function livingClaimsOf(userId: string): Map<string, MemoryClaim> {
    const claims = store.claims.get(userId) ?? new Map<string, MemoryClaim>();
    for (const [sessionId, claim] of claims) {
      if (claim.owner.closed || claim.expiresAtMs <= monotonicMs()) claims.delete(sessionId);
    }
    store.claims.set(userId, claims);
    return claims;
  }

  return {
    async start(handler) {
      self.handler = handler;
    },
    async claim({ userId, sessionId, connectionId, ttlMs }, userLimit) {
      const claims = livingClaimsOf(userId);
      const previous = claims.get(sessionId);
      if (previous === undefined && userLimit > 0 && claims.size >= userLimit) return 'limit';
      claims.set(sessionId, { connectionId, owner: self, expiresAtMs: monotonicMs() + ttlMs });
      if (previous && previous.connectionId !== connectionId) previous.owner.handler?.onReplaced(previous.connectionId);
      return 'claimed';
    },
    async renew({ userId, sessionId, connectionId, ttlMs }) {
      const claims = livingClaimsOf(userId);
      const held = claims.get(sessionId);
      if (held && held.connectionId !== connectionId) return false;
      claims.set(sessionId, { connectionId, owner: self, expiresAtMs: monotonicMs() + ttlMs });
      return true;
    },
    async release({ userId, sessionId, connectionId }) {
      const claims = livingClaimsOf(userId);
      if (claims.get(sessionId)?.connectionId === connectionId) claims.delete(sessionId);
      if (claims.size === 0) store.claims.delete(userId);
    },
    async close() {
      self.closed = true;
      self.handler = null;
    },
  };
}
