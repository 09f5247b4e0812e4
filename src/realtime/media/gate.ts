import { type ForwardedRequest, tokenOf } from './gate-request.ts';
import { verifyJoin } from './gate-token.ts';
import { groupOf } from './rooms.ts';

/** What the gate must know of people. Both read now, and use what this process knows while that cannot be read. */
export interface GateAccess {
  /** Is this a living session of this user? Throws when that cannot be known. */
  isLiving(userId: string, sessionId: string): Promise<boolean>;
  /** Is he in this living group? Throws when that cannot be known. */
  isMember(userId: string, groupId: string): Promise<boolean>;
}

export interface MediaGateOptions {
  /** Null: no media server, so nobody has to get there. */
  readonly livekit: { readonly apiKey: string; readonly apiSecret: { reveal(): string } } | null;
  readonly keyPrefix: string;
  readonly access: GateAccess;
  /** False lifts the count of attempts. */
  readonly rateLimits: boolean;
  readonly nowMs: () => number;
}

/** Why somebody is not let through to the media server. */
export type GateRefusal = 'no_media_server' | 'request' | 'token' | 'too_many' | 'no_right';

/** Decides who gets through a reverse proxy to the media server (media.md "Attack and fault table"). */
export interface MediaGate {
  /** Null: let him through. Never throws: who cannot be known is not let through. */
  refusalOf(request: ForwardedRequest): Promise<GateRefusal | null>;
}

/** A session that is let through this often in a minute joins in a loop; each attempt costs reads. */
const ATTEMPTS_PER_MINUTE = 60;

const uuid = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const identityForm = new RegExp(`^u_(${uuid})\\.(${uuid})$`);

export function createMediaGate(options: MediaGateOptions): MediaGate {
  const { livekit, keyPrefix, access, nowMs } = options;
  const attempts = new AttemptsPerMinute(nowMs);

  async function refusalOf(request: ForwardedRequest): Promise<GateRefusal | null> {
    if (livekit === null) return 'no_media_server';
    const token = tokenOf(request);
    if (token === null) return 'request';
    const claims = await verifyJoin(token, { ...livekit, nowMs: nowMs() });
    if (claims === null) return 'token';
    const [, userId = '', sessionId = ''] = identityForm.exec(claims.identity) ?? [];
    const groupId = groupOf(keyPrefix, claims.room);
    if (userId === '' || groupId === null) return 'token';
    if (options.rateLimits && attempts.count(claims.identity) > ATTEMPTS_PER_MINUTE) return 'too_many';
    return (await mayJoin(userId, sessionId, groupId)) ? null : 'no_right';
  }

  async function mayJoin(userId: string, sessionId: string, groupId: string): Promise<boolean> {
    try {
      const answers = await Promise.all([access.isLiving(userId, sessionId), access.isMember(userId, groupId)]);
      return answers.every(Boolean);
    } catch {
      return false;
    }
  }

  return { refusalOf };
}

/** Counts by key, anew each minute. Keys are signed, so there are never more than sessions. */
class AttemptsPerMinute {
  readonly #nowMs: () => number;
  readonly #counts = new Map<string, number>();
  #minute = 0;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many there were in this minute, with this one. */
  count(key: string): number {
    const minute = Math.floor(this.#nowMs() / 60_000);
    if (minute !== this.#minute) this.#counts.clear();
    this.#minute = minute;
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}
