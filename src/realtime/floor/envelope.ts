import type { EndCause } from './model.ts';

/**
 * What a group's channel carries: one line that processes read, a line feed, and the bytes for clients, which
 * processes forward unparsed. Version 1 of the line:
 *
 *   1 E <epoch> <seq> started <talkId> <connectionId> <maxTalkMs> <remainingMs> [emergency]
 *   1 E <epoch> <seq> ended <talkId> <connectionId> <cause> <retryAfterMs> <durationMs> [gone]
 *                                                      gone: the group is deleted, its talker does not stay
 *   1 E <epoch> <seq> presence
 *   1 H <talkId> <token> <connectionId> <streamId> <identity|->   a waiter's turn has come: his process commits
 *   1 Q <connectionId>:<position> …                    places in the queue, from 1
 *   1 D <connectionId> <cause> [<retryAfterMs>]        a queued request failed
 *   1 A                                                a process has begun to listen to the group's audio
 *   1 S <talkId> <forMs>                               the audio packets of the talk pass no more for so long
 *
 * A later release may add words at the end of a line, and kinds: words are passed over, a numbered event of another kind
 * is handed on to clients, what has no number is passed over (docs/decisions/versions.md).
 */
const ENVELOPE_VERSION = '1';

interface Numbered {
  readonly epoch: number;
  readonly seq: number;
  /** The JSON text of the event as clients get it. */
  readonly bytes: string;
}

export interface StartedEnvelope extends Numbered {
  readonly kind: 'started';
  readonly talkId: string;
  readonly connectionId: string;
  readonly maxTalkMs: number;
  readonly remainingMs: number;
  readonly emergency: boolean;
}

export interface EndedEnvelope extends Numbered {
  readonly kind: 'ended';
  readonly talkId: string;
  /** The talker's connection at the end. */
  readonly connectionId: string;
  readonly cause: EndCause;
  /** How long the talker must wait before the next request. */
  readonly retryAfterMs: number;
  readonly durationMs: number;
  /** False when the group is deleted. */
  readonly talkerStays: boolean;
}

/** An event that processes only hand on; `other`: of a kind that this release does not know. */
interface ForwardedEnvelope extends Numbered {
  readonly kind: 'presence' | 'other';
}

export type NumberedEnvelope = StartedEnvelope | EndedEnvelope | ForwardedEnvelope;

export interface HandOverEnvelope {
  readonly kind: 'handover';
  readonly talkId: string;
  readonly token: string;
  readonly connectionId: string;
  readonly streamId: number;
  readonly identity: string | null;
}

interface QueueEnvelope {
  readonly kind: 'queue';
  readonly places: readonly { readonly connectionId: string; readonly position: number }[];
}

export interface QueueFailedEnvelope {
  readonly kind: 'queue_failed';
  readonly connectionId: string;
  /** `cooldown`: the user's talk on another device was too long. */
  readonly cause: 'listen_only' | 'cooldown';
  /** How long the user must wait before the next request. */
  readonly retryAfterMs: number;
}

interface AudienceEnvelope {
  readonly kind: 'audience';
}

interface HushEnvelope {
  readonly kind: 'hush';
  readonly talkId: string;
  /** 0: they pass again. */
  readonly forMs: number;
}

export type Envelope =
  | NumberedEnvelope
  | HandOverEnvelope
  | QueueEnvelope
  | QueueFailedEnvelope
  | AudienceEnvelope
  | HushEnvelope;

/** The payload by which a process says that it has begun to listen to a group's audio. */
export const AUDIENCE_PAYLOAD = `${ENVELOPE_VERSION} A\n`;

/** The payload that lets the audio packets of a talk pass no more for so many milliseconds; 0: they pass again. */
export function hushPayload(talkId: string, forMs: number): string {
  return `${ENVELOPE_VERSION} S ${talkId} ${forMs}\n`;
}

const endCauses: readonly string[] = [
  'released',
  'too_long',
  'preempted',
  'revoked',
  'lost',
  'removed',
  'expired',
  'media_failed',
] satisfies EndCause[];

export function isEndCause(word: string): word is EndCause {
  return endCauses.includes(word);
}

/** Reads a payload; null for one of another version, or of another kind without a number, which is passed over. */
export function parseEnvelope(payload: string): Envelope | null {
  const lineEnd = payload.indexOf('\n');
  const words = (lineEnd < 0 ? payload : payload.slice(0, lineEnd)).split(' ');
  if (words[0] !== ENVELOPE_VERSION) return null;
  switch (words[1]) {
    case 'E':
      return parseNumbered(words, payload.slice(lineEnd + 1));
    case 'H': {
      const [, , talkId = '', token = '', connectionId = '', streamId = '0', identity = '-'] = words;
      return {
        kind: 'handover',
        talkId,
        token,
        connectionId,
        streamId: Number(streamId),
        identity: identity === '-' ? null : identity,
      };
    }
    case 'Q':
      return { kind: 'queue', places: words.slice(2).map(parsePlace) };
    case 'D':
      return parseQueueFailed(words);
    case 'A':
      return { kind: 'audience' };
    case 'S': {
      const [, , talkId = '', forMs = '0'] = words;
      return { kind: 'hush', talkId, forMs: Number(forMs) };
    }
    default:
      return null;
  }
}

const numberedStart = `${ENVELOPE_VERSION} E `;

/** Epoch and seq of a numbered payload, without reading the rest; null for any other. */
export function numberOf(payload: string): { readonly epoch: number; readonly seq: number } | null {
  if (!payload.startsWith(numberedStart)) return null;
  const epochEnd = payload.indexOf(' ', numberedStart.length);
  const epoch = Number(payload.slice(numberedStart.length, epochEnd));
  const seq = Number(payload.slice(epochEnd + 1, payload.indexOf(' ', epochEnd + 1)));
  return { epoch, seq };
}

function parseQueueFailed([, , connectionId = '', cause = '', retryAfterMs = '0']: readonly string[]): Envelope | null {
  if (cause !== 'listen_only' && cause !== 'cooldown') return null;
  return { kind: 'queue_failed', connectionId, cause, retryAfterMs: Number(retryAfterMs) };
}

function parsePlace(word: string): { connectionId: string; position: number } {
  const [connectionId = '', position = '0'] = word.split(':');
  return { connectionId, position: Number(position) };
}

function parseNumbered(
  [, , epochWord, seqWord, kind, ...words]: readonly string[],
  bytes: string,
): NumberedEnvelope | null {
  const numbered = { epoch: Number(epochWord), seq: Number(seqWord), bytes };
  switch (kind) {
    case 'started': {
      const [talkId = '', connectionId = '', maxTalkMs, remainingMs, ...flags] = words;
      return {
        ...numbered,
        kind,
        talkId,
        connectionId,
        maxTalkMs: Number(maxTalkMs),
        remainingMs: Number(remainingMs),
        emergency: flags.includes('emergency'),
      };
    }
    case 'ended': {
      const [talkId = '', connectionId = '', cause = '', retryAfterMs, durationMs, ...flags] = words;
      if (!isEndCause(cause)) return null;
      return {
        ...numbered,
        kind,
        talkId,
        connectionId,
        cause,
        retryAfterMs: Number(retryAfterMs),
        durationMs: Number(durationMs),
        talkerStays: !flags.includes('gone'),
      };
    }
    case 'presence':
      return { ...numbered, kind };
    default:
      return { ...numbered, kind: 'other' };
  }
}
