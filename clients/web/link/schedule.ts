import { CloseCode } from '../../../src/realtime/protocol/close-codes.ts';

const LONGEST_MS = 30_000;
const FIRST_STEP_MS = 500;
const WHILE_TALKING = { leastMs: 50, mostMs: 300 };

/**
 * How long to wait before the next try to connect. The first try of a talker comes within 300 ms, so that the talk
 * survives; otherwise each wait is about twice as long as the one before, up to 30 s, half of it by chance, so that
 * the clients of a server that comes back do not come all at once.
 * @param attempt how many tries have failed since the last time that all was well
 * @param random 0 to 1
 */
export function reconnectDelayMs(attempt: number, isTalking: boolean, random: number): number {
  if (isTalking && attempt === 0) {
    return WHILE_TALKING.leastMs + random * (WHILE_TALKING.mostMs - WHILE_TALKING.leastMs);
  }
  const longestMs = Math.min(FIRST_STEP_MS * 2 ** attempt, LONGEST_MS);
  return longestMs / 2 + (random * longestMs) / 2;
}

/** How long before the end of an access token a fresh one is fetched. */
export function renewalDelayMs(tokenExpiresInMs: number): number {
  return Math.max(tokenExpiresInMs - 60_000, tokenExpiresInMs / 2);
}

/** What a client does when its socket was closed. */
export type AfterClose = 'retry' | 'renew_token' | 'sign_in' | 'stop';

/** By the rule of the contract: 4500 and above are final, the rest is worth another try. */
export function afterClose(code: number): AfterClose {
  switch (code) {
    case CloseCode.token_expired:
    case CloseCode.unauthenticated:
      return 'renew_token';
    case CloseCode.session_revoked:
    case CloseCode.user_disabled:
      return 'sign_in';
    default:
      return code >= 4500 && code < 5000 ? 'stop' : 'retry';
  }
}
