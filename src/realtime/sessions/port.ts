/**
 * Which socket is the current one of a session, over all processes. One socket per session: the later claim
 * wins, and whoever held it before is told. A claim is a fact about sockets only; nothing else stands on it.
 */
export interface SessionClaims {
  /** Begins to hear of replaced sockets. Resolves also while the store is away; it goes on trying. */
  start(handler: ReplacementHandler): Promise<void>;
  /**
   * Makes a connection the current one of its session, in one step. Throws when the store cannot be reached;
   * the claim may stand then.
   */
  claim(claim: SessionClaim, userLimit: number): Promise<ClaimOutcome>;
  /**
   * Prolongs a claim, and makes it anew when the store has lost it. False when another connection has it.
   * Throws when the store cannot be reached.
   */
  renew(claim: SessionClaim): Promise<boolean>;
  /** Gives a claim up. Without effect when another connection has it: a late close changes nothing. */
  release(claim: Omit<SessionClaim, 'ttlMs'>): Promise<void>;
  close(): Promise<void>;
}

export interface SessionClaim {
  readonly userId: string;
  readonly sessionId: string;
  readonly connectionId: string;
  /** How long the claim stands without `renew`, in milliseconds: only a bound for what crashed processes leave. */
  readonly ttlMs: number;
}

/**
 * `limit`: the user has `userLimit` claimed sessions already, and this is not one of them (0: no limit).
 * Claims of dead processes do not count.
 */
export type ClaimOutcome = 'claimed' | 'limit';

export interface ReplacementHandler {
  /** A connection of this process is not the current one of its session any more. */
  onReplaced(connectionId: string): void;
  /** Replacements may have been missed: every claim has to be renewed to find out. */
  onGap(): void;
}

/** Messages to one process, at most once. */
export interface ProcessMailbox {
  listen(processId: string, handler: { onMessage(payload: string): void; onGap(): void }): Promise<() => void>;
  post(processId: string, payload: string): Promise<void>;
}
