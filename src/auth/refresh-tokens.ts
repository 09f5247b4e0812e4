import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { parse as uuidBytes, stringify as uuidText } from 'uuid';

/** What a refresh token holds: which session, which rotation of it, and a secret that only its SHA-256 is kept of. */
export interface RefreshToken {
  readonly sessionId: string;
  readonly rotation: number;
  /** SHA-256 of the whole text, hex. */
  readonly hash: string;
  /** Whether this deployment made it: an old one that is no longer stored is known by that. */
  readonly isGenuine: boolean;
}

/**
 * Opaque texts: a prefix, then base64url of session (16 bytes), rotation (4), 256 random bits (32) and a
 * truncated HMAC-SHA-256 (16), so that a token which was rotated away long ago is still told from an invented one.
 */
export interface RefreshTokens {
  issue(sessionId: string, rotation: number): { readonly text: string; readonly hash: string };
  /** `null`: not a refresh token. */
  read(text: string): RefreshToken | null;
}

const prefix = 'nrt_';
const bodyBytes = 16 + 4 + 32;
const markBytes = 16;

export function createRefreshTokens(keys: readonly [string, ...string[]]): RefreshTokens {
  const markKeys = keys.map((key) => createHmac('sha256', key).update('refresh token').digest());

  function marksOf(body: Buffer): Buffer[] {
    return markKeys.map((key) => createHmac('sha256', key).update(body).digest().subarray(0, markBytes));
  }

  return {
    issue: (sessionId, rotation) => {
      const counter = Buffer.alloc(4);
      counter.writeUInt32BE(rotation);
      const body = Buffer.concat([uuidBytes(sessionId), counter, randomBytes(32)]);
      const text = prefix + Buffer.concat([body, ...marksOf(body).slice(0, 1)]).toString('base64url');
      return { text, hash: hashOf(text) };
    },
    read: (text) => {
      if (!looksLikeRefreshToken(text)) return null;
      const bytes = Buffer.from(text.slice(prefix.length), 'base64url');
      if (bytes.length !== bodyBytes + markBytes) return null;
      const body = bytes.subarray(0, bodyBytes);
      const mark = bytes.subarray(bodyBytes);
      return {
        sessionId: sessionIdOf(body),
        rotation: body.readUInt32BE(16),
        hash: hashOf(text),
        isGenuine: marksOf(body).some((expected) => timingSafeEqual(expected, mark)),
      };
    },
  };
}

export function looksLikeRefreshToken(text: string): boolean {
  return text.startsWith(prefix);
}

/** The name under which an access token remembers the refresh token that came with it. */
export function pairOf(refreshHash: string): string {
  return refreshHash.slice(0, 16);
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function sessionIdOf(body: Buffer): string {
  try {
    return uuidText(body.subarray(0, 16));
  } catch {
    return '';
  }
}
