import type { Media } from '../../../src/realtime/protocol/index.ts';

/** How the sound of a group travels: by WebRTC, over this client's own WebSocket, or not at all. */
export type Way = 'livekit' | 'relay' | 'none';

/** Null: the server has not said it yet. */
export function wayOf(media: Media | null): Way | null {
  if (media === null) return null;
  return media.kind === 'livekit' || media.kind === 'relay' ? media.kind : 'none';
}

/**
 * A group is joined without asking for sound on the socket first: where there is a media server, that is the better
 * way. Where there is none, the socket is the way, for whoever asks.
 */
export function shouldAskForRelay(hasAsked: boolean, media: Media): boolean {
  return !hasAsked && wayOf(media) === 'none';
}
