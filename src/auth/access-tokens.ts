import { errors, jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import { uuidV7 } from '../http/contract.ts';
import type { Clock } from '../infra/clock.ts';

/** What an access token says. */
export interface AccessClaims {
  readonly userId: string;
  readonly sessionId: string;
  /** The rotation of the refresh-token family in which the token was made. */
  readonly rotation: number;
  /** Names the refresh token that was given with it. */
  readonly pair: string;
  /** Unix time in milliseconds. */
  readonly expiresAtMs: number;
}

type VerifiedToken =
  | { readonly ok: true; readonly claims: AccessClaims }
  | { readonly ok: false; readonly reason: 'token_invalid' | 'token_expired' | 'token_wrong_type' };

/** Short-lived JWTs (RFC 9068 `at+jwt`), HS256. */
export interface AccessTokens {
  /** Whole seconds, rounded down: a token ends up to 1 s before `ttlMs` is over, never after. */
  issue(claims: Omit<AccessClaims, 'expiresAtMs'>): Promise<string>;
  /** `expiredAtMostMs`: a token that has expired counts for so much longer; 0 when left out. */
  verify(token: string, options?: { readonly expiredAtMostMs?: number }): Promise<VerifiedToken>;
  readonly ttlMs: number;
}

const type = 'at+jwt';
const issuer = 'neda';
const audience = 'neda:api';
const longestToken = 4_096;
const claimsShape = z.object({
  sub: uuidV7,
  sid: uuidV7,
  rot: z.int().nonnegative(),
  pair: z.string(),
  exp: z.number(),
});

/** `keys[0]` signs; all verify. Each is at least 32 bytes (the configuration checks it). */
export function createAccessTokens(options: {
  readonly keys: readonly [string, ...string[]];
  readonly ttlMs: number;
  readonly clock: Clock;
}): AccessTokens {
  const [signingKey, ...olderKeys] = options.keys.map((key) => new TextEncoder().encode(key));
  if (signingKey === undefined) throw new Error('a signing key is needed');

  async function verifyWith(
    token: string,
    key: Uint8Array,
    expiredAtMostMs: number,
  ): Promise<VerifiedToken | 'other_key'> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: ['HS256'],
        typ: type,
        issuer,
        audience,
        currentDate: new Date(options.clock.nowMs() - expiredAtMostMs),
      });
      const claims = claimsShape.safeParse(payload);
      if (!claims.success) return { ok: false, reason: 'token_invalid' };
      const { sub, sid, rot, pair, exp } = claims.data;
      return { ok: true, claims: { userId: sub, sessionId: sid, rotation: rot, pair, expiresAtMs: exp * 1_000 } };
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) return 'other_key';
      if (error instanceof errors.JWTExpired) return { ok: false, reason: 'token_expired' };
      if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'typ') {
        return { ok: false, reason: 'token_wrong_type' };
      }
      return { ok: false, reason: 'token_invalid' };
    }
  }

  return {
    ttlMs: options.ttlMs,
    issue: (claims) => {
      const nowSeconds = options.clock.nowMs() / 1_000;
      return new SignJWT({ sid: claims.sessionId, rot: claims.rotation, pair: claims.pair })
        .setProtectedHeader({ alg: 'HS256', typ: type })
        .setSubject(claims.userId)
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(Math.floor(nowSeconds))
        .setExpirationTime(Math.floor(nowSeconds + options.ttlMs / 1_000))
        .sign(signingKey);
    },
    verify: async (token, { expiredAtMostMs = 0 } = {}) => {
      if (token.length > longestToken) return { ok: false, reason: 'token_invalid' };
      for (const key of [signingKey, ...olderKeys]) {
        const verified = await verifyWith(token, key, expiredAtMostMs);
        if (verified !== 'other_key') return verified;
      }
      return { ok: false, reason: 'token_invalid' };
    },
  };
}

/** Whether a text has the outer form of an access token; says nothing about its signature. */
export function looksLikeAccessToken(text: string): boolean {
  const [header, payload, signature] = text.split('.');
  if (header === undefined || payload === undefined || signature === undefined) return false;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null && 'typ' in parsed && parsed.typ === type;
  } catch {
    return false;
  }
}
