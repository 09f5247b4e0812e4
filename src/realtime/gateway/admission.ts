import type { Duplex } from 'node:stream';
import type { Authentication } from '../access.ts';
import type { GatewaySocket } from './gateway-socket.ts';

/** What is known of a socket from its upgrade request. */
export interface Admission {
  /** Of the upgrade request. */
  readonly requestId: string;
  /** From `Authorization`; null when the token is to come in HELLO. */
  readonly token: string | null;
  /** The token's owner, where it was verified; null when that could not be done. */
  readonly authentication: Extract<Authentication, { ok: true }> | null;
  /** Monotonic: when verifying began. */
  readonly verifiedAtMs: number;
  /** Offered subprotocols, and none of them is spoken here. */
  readonly unknownProtocol: boolean;
  /** Gives the address's place for a socket before READY back. */
  readonly leaveQuota: () => void;
}

/** A socket before READY, as signing in sees it. */
export interface WaitingSocket {
  /** Becomes the connection's id. */
  readonly id: string;
  readonly socket: GatewaySocket;
  readonly stream: Duplex;
  readonly admission: Admission;
  /** Of the HELLO that is being answered; grows with every HELLO of the process. */
  readonly helloNumber: number;
  /** Hands the socket over to a connection. Returns what came meanwhile. */
  finish(): readonly HeldMessage[];
}

/** A message that waits for READY. */
export interface HeldMessage {
  readonly data: Buffer;
  readonly isBinary: boolean;
}
