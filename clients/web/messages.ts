import type { ClientMessage, ServerMessage, ServerMessageType } from '../../src/realtime/protocol/index.ts';

/** Every type that this client knows; the compiler sees to it that none is missing. */
const KNOWN: Readonly<Record<ServerMessageType, true>> = {
  READY: true,
  AUTHENTICATED: true,
  GROUP_JOINED: true,
  GROUP_LEFT: true,
  TALK_GRANTED: true,
  TALK_DENIED: true,
  TALK_QUEUED: true,
  TALK_RELEASED: true,
  TALK_REVOKE_DONE: true,
  TALK_STARTED: true,
  TALK_ENDED: true,
  TALK_REVOKED: true,
  PRESENCE_CHANGED: true,
  GROUP_STATE: true,
  GROUP_UPDATED: true,
  GROUP_REMOVED: true,
  PONG: true,
  ERROR: true,
};

/**
 * Reads one text frame. Null for what this client does not know, as the contract asks of clients. The server that sent
 * the page is trusted to send the fields of a type; their values may be newer than this client (causes, kinds).
 */
export function readServerMessage(text: string): ServerMessage | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return null;
  }
  return isKnown(parsed) ? parsed : null;
}

function isKnown(value: unknown): value is ServerMessage {
  return (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    typeof value.type === 'string' &&
    Object.hasOwn(KNOWN, value.type)
  );
}

type WithoutId<Message> = Message extends unknown ? Omit<Message, 'id'> : never;
/** A client message before the link has given it its id. */
export type Outgoing = WithoutId<ClientMessage>;
