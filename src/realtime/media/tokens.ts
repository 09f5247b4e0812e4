import { AccessToken } from 'livekit-server-sdk';
import type { Media } from '../protocol/index.ts';
import { LISTEN, roomGrant, SPEAK } from './permissions.ts';

/** How long a token can be used to join; who is in the room stays there. media.md: 60–120 s. */
const TOKEN_LIFE_SECONDS = 90;

export interface TokenIssuer {
  /** The address that clients join, `ws://` or `wss://`. */
  readonly publicUrl: string;
  readonly apiKey: string;
  readonly apiSecret: { reveal(): string };
}

/** How a member hears the group: joins `room` as `identity` without the right to publish anything. */
export function listenMedia(issuer: TokenIssuer, room: string, identity: string): Promise<Media> {
  return media(issuer, room, identity, LISTEN);
}

/** How a talker is heard: as `listenMedia`, and may publish a microphone track. */
export function publishMedia(issuer: TokenIssuer, room: string, identity: string): Promise<Media> {
  return media(issuer, room, identity, SPEAK);
}

async function media(issuer: TokenIssuer, room: string, identity: string, rights: typeof LISTEN): Promise<Media> {
  const token = new AccessToken(issuer.apiKey, issuer.apiSecret.reveal(), { identity, ttl: TOKEN_LIFE_SECONDS });
  token.addGrant(roomGrant(room, rights));
  return {
    kind: 'livekit',
    url: issuer.publicUrl,
    room,
    token: await token.toJwt(),
    identity,
    expiresInMs: TOKEN_LIFE_SECONDS * 1000,
  };
}
