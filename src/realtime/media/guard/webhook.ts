import { TokenVerifier, type WebhookEvent, WebhookReceiver } from 'livekit-server-sdk';

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

/** Not from the media server, or not as it has sent it. */
export class WebhookRefused extends Error {
  override readonly name = 'WebhookRefused';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads what the media server posts: signed with its key over the very bytes of the body, each id once, and not old. */
export class Webhook {
  readonly #verifier: TokenVerifier;
  readonly #receiver: WebhookReceiver;
  readonly #nowMs: () => number;
  readonly #ids = new Set<string>();

  /** `nowMs`: Unix time in milliseconds; the media server's clock may differ by less than two minutes. */
  constructor(key: { readonly apiKey: string; readonly apiSecret: { reveal(): string } }, nowMs: () => number) {
    this.#verifier = new TokenVerifier(key.apiKey, key.apiSecret.reveal());
    this.#receiver = new WebhookReceiver(key.apiKey, key.apiSecret.reveal());
    this.#nowMs = nowMs;
  }

  /** Whether whoever sends this header has the key: all that can be said before the body was read. */
  async isSigned(authorization: string | undefined): Promise<boolean> {
    try {
      await this.#verifier.verify(authorization ?? '');
      return true;
    } catch {
      return false;
    }
  }

  /** Throws `WebhookRefused`. Never says why in the vendor's words: they may repeat the body, which holds secrets. */
  async receive(body: Uint8Array, authorization: string | undefined): Promise<Told> {
    let event: WebhookEvent;
    try {
      event = await this.#receiver.receive(strictUtf8.decode(body), authorization ?? '');
    } catch {
      throw new WebhookRefused('the signature does not fit the body, or the body is no event');
    }
    if (Math.abs(this.#nowMs() - Number(event.createdAt) * 1_000) > OLDEST_MS) return { kind: 'stale' };
    if (event.id === '' || this.#ids.has(event.id)) return { kind: 'repeated' };
    this.#remember(event.id);
    return told(event);
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

function told({ event, room, participant }: WebhookEvent): Told {
  if (room === undefined || participant === undefined) return { kind: 'other' };
  const who = { room: room.name, identity: participant.identity };
  if (event === 'participant_joined') {
    return { kind: 'joined', ...who, mayPublish: participant.permission?.canPublish !== false };
  }
  return event === 'track_published' ? { kind: 'published', ...who } : { kind: 'other' };
}
