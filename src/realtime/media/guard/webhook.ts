import { createHash } from 'node:crypto';
import { type JWTPayload, jwtVerify } from 'jose';
import { WebhookEvent } from 'livekit-server-sdk';

/** The clocks of LiveKit and of this machine may differ by this much in what a signature says, in seconds. */
const CLOCK_TOLERANCE_SECONDS = 10;
/** An event that was sent longer ago than this says nothing of now, in milliseconds. LiveKit gives up sooner. */
const OLDEST_MS = 120_000;
/** So many ids are remembered; at 100 events a second this is longer than an event counts. */
const REMEMBERED_IDS = 20_000;

/** What the media server tells that somebody has to look at. */
export type MediaEvent =
  | { readonly kind: 'joined'; readonly room: string; readonly identity: string; readonly mayPublish: boolean }
  | { readonly kind: 'published'; readonly room: string; readonly identity: string };

/** What came: an event; or nothing that anybody has to look at, and why. */
export type Told = MediaEvent | { readonly kind: 'other' | 'repeated' | 'stale' };

/**
 * Why nothing is taken. `signature`: not from the media server, or not as it has sent it. `json`, `shape`: signed with
 * its key, but no JSON, or no event.
 */
type WebhookFault = 'signature' | 'json' | 'shape';

/** What was posted is not taken. */
export class WebhookRefused extends Error {
  override readonly name = 'WebhookRefused';
  readonly fault: WebhookFault;

  constructor(fault: WebhookFault) {
    super(`not an event of the media server: ${fault}`);
    this.fault = fault;
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads what the media server posts: signed with its key over the very bytes of the body, each id once, and not old. */
export class Webhook {
  readonly #issuer: string;
  readonly #secret: Uint8Array;
  readonly #nowMs: () => number;
  readonly #ids = new Set<string>();

  /** `nowMs`: Unix time in milliseconds; the media server's clock may differ by less than two minutes. */
  constructor(key: { readonly apiKey: string; readonly apiSecret: { reveal(): string } }, nowMs: () => number) {
    this.#issuer = key.apiKey;
    this.#secret = new TextEncoder().encode(key.apiSecret.reveal());
    this.#nowMs = nowMs;
  }

  /** Whether whoever sends this header has the key: all that can be said before the body was read. */
  async isSigned(authorization: string | undefined): Promise<boolean> {
    return (await this.#claimsOf(authorization)) !== null;
  }

  /** Throws `WebhookRefused`. Never says why in the vendor's words: they may repeat the body, which holds secrets. */
  async receive(body: Uint8Array, authorization: string | undefined): Promise<Told> {
    const claims = await this.#claimsOf(authorization);
    const sha256 = createHash('sha256').update(body).digest('base64');
    if (claims === null || claims['sha256'] !== sha256) throw new WebhookRefused('signature');
    const event = eventIn(body);
    if (Math.abs(this.#nowMs() - Number(event.createdAt) * 1_000) > OLDEST_MS) return { kind: 'stale' };
    if (event.id === '' || this.#ids.has(event.id)) return { kind: 'repeated' };
    this.#remember(event.id);
    return told(event);
  }

  /** What this header says, signed with the media server's key, as it signs (HS256), and for a time that has not passed. */
  async #claimsOf(authorization = ''): Promise<JWTPayload | null> {
    try {
      const { payload } = await jwtVerify(authorization, this.#secret, {
        algorithms: ['HS256'],
        issuer: this.#issuer,
        requiredClaims: ['exp'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      return payload;
    } catch {
      return null;
    }
  }

  #remember(id: string): void {
    this.#ids.add(id);
    if (this.#ids.size <= REMEMBERED_IDS) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }
}

function eventIn(body: Uint8Array): WebhookEvent {
  let text: string;
  try {
    text = strictUtf8.decode(body);
    JSON.parse(text);
  } catch {
    throw new WebhookRefused('json');
  }
  try {
    return WebhookEvent.fromJsonString(text, { ignoreUnknownFields: true });
  } catch {
    throw new WebhookRefused('shape');
  }
}

function told({ event, room, participant }: WebhookEvent): Told {
  if (room === undefined || participant === undefined) return { kind: 'other' };
  const who = { room: room.name, identity: participant.identity };
  if (event === 'participant_joined') {
    return { kind: 'joined', ...who, mayPublish: participant.permission?.canPublish !== false };
  }
  return event === 'track_published' ? { kind: 'published', ...who } : { kind: 'other' };
}
