import type { AccessSession, AccessUser, Membership } from '../access.ts';
import type { CloseReason, ServerMessage } from '../protocol/index.ts';

/** A message that is serialised and framed once (RFC 6455 section 5.2) and written to many sockets. */
export interface PreparedFrame {
  readonly bytes: Buffer;
}

/** One authenticated socket, as message handlers and live groups see it. */
export interface Connection {
  /** UUIDv7, new for each socket. */
  readonly id: string;
  /** Of the request that the socket came from. */
  readonly requestId: string;
  readonly user: AccessUser;
  readonly session: AccessSession;
  /** Memberships as read at HELLO and kept true by domain events, by group id. */
  readonly memberships: Map<string, Membership>;
  /** Groups that this connection has joined or is joining. */
  readonly joined: Set<string>;
  /** False as soon as the socket is closed or closing. */
  readonly open: boolean;
  send(message: ServerMessage): void;
  /** Sends a JSON text that is ready for the wire. */
  sendText(text: string): void;
  sendFrame(frame: PreparedFrame): void;
  /** Writes an audio packet; false when the socket is gone or its reader too slow, so that the packet is lost to it. */
  sendAudio(frame: PreparedFrame): boolean;
  /** From now on binary messages of this connection are audio packets; until then they close it. */
  acceptAudio(): void;
  /** A join with audio has come, or its turn is over: between the two binary messages are audio packets too. */
  awaitAudio(isAwaited: boolean): void;
  close(reason: CloseReason): void;
  /** Pings every 2 s and treats 6 s of silence as the loss of the socket while `talking`. */
  watchTalker(talking: boolean): void;
}

/** A connection as the gateway itself sees it. */
export interface LiveConnection extends Connection {
  user: AccessUser;
  /** Unix time in milliseconds. */
  readonly tokenExpiresAtMs: number;
  /** Grows with every HELLO of the process. */
  readonly helloNumber: number;
  /** `expiresAtMs`: Unix time in milliseconds. */
  extendToken(expiresAtMs: number): void;
}
