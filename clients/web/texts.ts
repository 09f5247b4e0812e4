import { CloseCode } from '../../src/realtime/protocol/close-codes.ts';
import type { EndCause, SocketErrorCode } from '../../src/realtime/protocol/index.ts';
import type { LivekitState } from './audio/livekit/carrier.ts';
import type { Refusal } from './talk/talk-key.ts';
import type { Way } from './talk/way.ts';

/** Every sentence that depends on what the server said. Causes and codes that are not known get the general sentence. */

/** Why the floor was not given. */
export function refusalText({ cause, retryAfterMs, holder }: Refusal): string {
  switch (cause) {
    case 'busy':
      return holder === undefined
        ? 'Somebody else is talking. Try again when they have finished.'
        : `${holder.displayName} is talking. Try again when they have finished.`;
    case 'cooldown':
      return `Your last talk ran to its limit. You can talk again in ${seconds(retryAfterMs)}.`;
    case 'queue_full':
      return 'Somebody is talking, and too many are waiting already. Try again in a moment.';
    case 'listen_only':
      return 'You may listen in this group, but not talk.';
    case 'not_joined':
      return 'You are not in this group at the moment. Choose it again.';
    case 'unavailable':
      return 'The server cannot hand out the floor right now. Try again in a moment.';
    case 'media_unavailable':
      return 'The server cannot carry sound right now. Try again in a moment.';
    default:
      return 'You cannot talk right now. Try again in a moment.';
  }
}

/** Why one's own talk ended without letting go. */
export function cutText(cause: EndCause, retryAfterMs: number): string {
  switch (cause) {
    case 'released':
      return 'Your talk has ended.';
    case 'too_long':
      return retryAfterMs > 0
        ? `Your time is up. You can talk again in ${seconds(retryAfterMs)}.`
        : 'Your time is up. Let go, and press again to go on.';
    case 'preempted':
      return 'Somebody with precedence has taken over.';
    case 'revoked':
      return retryAfterMs > 0
        ? `Your talk was ended by a manager. You can talk again in ${seconds(retryAfterMs)}.`
        : 'Your talk was ended by a manager.';
    case 'lost':
      return 'Your talk has ended, as the connection was lost for too long.';
    case 'removed':
      return 'Your talk has ended: your right to talk here was taken back.';
    case 'expired':
      return 'Your talk has ended, as the server was interrupted. Let go, and press again.';
    case 'media_failed':
      return 'Your talk has ended, as no sound arrived from you. Is the microphone working?';
    default:
      return 'Your talk has ended.';
  }
}

/** How the talk of another ended, for whoever listens; null where nothing needs to be said. */
export function endText(displayName: string, cause: EndCause): string | null {
  switch (cause) {
    case 'released':
      return null;
    case 'too_long':
      return `${displayName} has reached the time limit.`;
    case 'preempted':
      return `${displayName} was interrupted by somebody with precedence.`;
    case 'revoked':
      return `${displayName} was stopped by a manager.`;
    case 'lost':
    case 'expired':
      return `${displayName} has lost the connection.`;
    case 'removed':
      return `${displayName} may no longer talk here.`;
    case 'media_failed':
      return `No sound came from ${displayName} any more.`;
    default:
      return `${displayName} has stopped talking.`;
  }
}

/** Why a message of this client was refused. */
export function errorText(code: SocketErrorCode, retryAfterMs?: number): string {
  switch (code) {
    case 'not_found':
      return 'This group does not exist any more, or you are no longer in it.';
    case 'forbidden':
      return 'You may not do this.';
    case 'not_joined':
      return 'You are not in this group at the moment. Choose it again.';
    case 'limit_reached':
      return 'You are in too many groups at once on this device.';
    case 'rate_limited':
      return `That was too fast. Wait ${seconds(retryAfterMs)}.`;
    case 'unavailable':
      return 'The server cannot do this right now. Try again in a moment.';
    case 'invalid_message':
    case 'unknown_type':
      return 'The server does not understand this page. Reload it to get the version that fits.';
    default:
      return 'Something went wrong on the server. Try again in a moment.';
  }
}

/** Why the connection is over for good. */
export function closeText(code: number): string {
  switch (code) {
    case CloseCode.replaced:
      return 'This session is now used in another tab or window.';
    case CloseCode.connection_limit:
      return 'You are signed in on too many devices at once. Close one of them, and try again.';
    case CloseCode.unsupported_protocol:
    case CloseCode.protocol_error:
    case CloseCode.hello_timeout:
      return 'The server does not understand this page. Reload it to get the version that fits.';
    default:
      return 'The server has ended this connection.';
  }
}

/** Why one is signed out; null: nobody was surprised. */
export function signedOutText(code: number | null): string {
  switch (code) {
    case CloseCode.user_disabled:
      return 'Your account has been switched off. Ask whoever looks after it.';
    case CloseCode.session_revoked:
      return 'This session was ended. Sign in again.';
    default:
      return 'Your session has ended. Sign in again.';
  }
}

export type SignInWay = 'password' | 'code';

/** Why signing in failed. @param status 0: no answer at all */
export function signInText(way: SignInWay, status: number, retryAfterMs: number | null): string {
  switch (status) {
    case 0:
      return 'The server cannot be reached. Check your connection, and try again.';
    case 400:
    case 401:
      return way === 'password'
        ? 'User name and password do not fit together.'
        : 'This code is wrong, was used already, or has run out. Ask for a new one.';
    case 429:
      return `Too many tries. Wait ${seconds(retryAfterMs ?? undefined)}, then try again.`;
    case 503:
      return 'The server cannot sign anybody in right now. Try again in a moment.';
    default:
      return 'Signing in did not work. Try again in a moment.';
  }
}

export type MicrophoneFault = 'refused' | 'missing' | 'busy' | 'insecure' | 'unsupported';

/** Why there is no microphone, and what helps. */
export function microphoneText(fault: MicrophoneFault): string {
  switch (fault) {
    case 'refused':
      return 'The browser does not let this page use the microphone. Allow it in the address bar, and try again. You hear the others meanwhile.';
    case 'missing':
      return 'No microphone was found. Connect one, and try again. You hear the others meanwhile.';
    case 'busy':
      return 'The microphone cannot be opened; another program may be using it. You hear the others meanwhile.';
    case 'insecure':
      return 'Browsers give a microphone to encrypted pages only: open this page with https, or on the machine itself as localhost.';
    case 'unsupported':
      return 'This browser cannot record in the form that the server needs (Opus by WebCodecs). You can listen, and see who talks; to talk, use a current Chrome, Edge, Firefox or Safari.';
  }
}

export interface SoundState {
  /** Null: not known yet. */
  readonly way: Way | null;
  /** Can this browser play what comes over the WebSocket? */
  readonly canPlay: boolean;
  /** Of WebRTC. */
  readonly livekit: LivekitState;
  /** Is the WebSocket the way because WebRTC was none? */
  readonly isFallback: boolean;
}

/** What to say about the sound of a group; null where all is well. */
export function soundText({ way, canPlay, livekit, isFallback }: SoundState): string | null {
  switch (way) {
    case null:
      return null;
    case 'none':
      return 'This server sends no sound to web pages. You can see who talks, and ask for the floor.';
    case 'livekit':
      return livekit === 'repairing' ? 'The sound is interrupted. It is being connected again …' : null;
    case 'relay':
      if (!canPlay) {
        return 'This browser cannot play what the server sends (Opus by WebCodecs). You can see who talks; to listen, use a current Chrome, Edge, Firefox or Safari.';
      }
      return isFallback
        ? 'WebRTC cannot connect from here, so your sound goes through the server. Whoever is connected by WebRTC may not hear you, nor you them.'
        : null;
  }
}

/** Whole seconds, rounded up, in words. */
function seconds(ms: number | undefined): string {
  if (ms === undefined) return 'a moment';
  const count = Math.max(1, Math.ceil(ms / 1_000));
  if (count < 120) return count === 1 ? '1 second' : `${count} seconds`;
  return `${Math.ceil(count / 60)} minutes`;
}
