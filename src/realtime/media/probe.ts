import { AccessToken } from 'livekit-server-sdk';
import type { RoomControlAddress } from './room-control.ts';

/** What one look at a media server showed. */
export type MediaProbe =
  | {
      readonly kind: 'answers';
      /** Does it take the key pair? `unclear`: it answered with something else; `status` says what. */
      readonly keyPair: 'accepted' | 'refused' | 'unclear';
      readonly status: number;
      /** Its clock minus this machine's, in milliseconds, exact to a second; null when it does not tell the time. */
      readonly clockAheadMs: number | null;
    }
  | { readonly kind: 'silent'; readonly reason: string };

/** Life of the one token, in seconds: longer than clocks are usually apart, so that those do not look like a wrong key. */
const tokenSeconds = 600;

/** Asks LiveKit for a room that does not exist, with a token of the key pair. Changes nothing and never throws. */
export async function probeLivekit(address: RoomControlAddress, limitMs: number): Promise<MediaProbe> {
  const token = new AccessToken(address.apiKey, address.apiSecret.reveal(), { ttl: tokenSeconds });
  token.addGrant({ roomList: true });
  try {
    const answer = await fetch(`${address.host}/twirp/livekit.RoomService/ListRooms`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token.toJwt()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ names: ['neda.doctor'] }),
      signal: AbortSignal.timeout(limitMs),
    });
    const nowMs = Date.now();
    await answer.body?.cancel();
    const tellsMs = Date.parse(answer.headers.get('date') ?? '');
    return {
      kind: 'answers',
      keyPair: answer.ok ? 'accepted' : answer.status === 401 || answer.status === 403 ? 'refused' : 'unclear',
      status: answer.status,
      // The header's second has begun up to a second ago.
      clockAheadMs: Number.isNaN(tellsMs) ? null : tellsMs + 500 - nowMs,
    };
  } catch (error) {
    return { kind: 'silent', reason: reasonOf(error) };
  }
}

/** A system code or the name of the error; never a message, which may hold the token. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  if (error.name === 'TimeoutError') return 'no answer in time';
  const cause = error.cause;
  return cause instanceof Error && 'code' in cause ? String(cause.code) : error.name;
}
