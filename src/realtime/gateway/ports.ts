import type { Clock } from '../../infra/clock.ts';
import type { GroupAccess, SessionAccess } from '../access.ts';
import type { SessionClaims } from '../sessions/port.ts';
import type { AnyMessageModule, ConnectionListener } from './message-module.ts';

/** Where the gateway writes what an operator should know; a pino logger fits. */
export interface GatewayLogger {
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** Something that was committed, as every process hears of it. */
export interface DomainEvent {
  readonly id: string;
  readonly type: string;
  readonly payload: unknown;
}

/** At least once, in every process, within about a second. */
export interface DomainEvents {
  subscribe(handler: (event: DomainEvent) => Promise<void> | void): () => void;
}

/** Whether new access tokens can be had at all: no socket is closed for an old token while they cannot. */
export interface TokenRenewal {
  /** Since when (monotonic milliseconds) tokens can be renewed without interruption; null: they cannot now. */
  possibleSinceMs(): number | null;
}

export interface GatewayPorts {
  /** UUID of this process's life. */
  readonly processId: string;
  readonly sessions: SessionAccess;
  readonly groups: GroupAccess;
  readonly claims: SessionClaims;
  readonly events: DomainEvents;
  /** Handlers of all client messages but `HELLO`, `AUTHENTICATE` and `PING`, which are the gateway's own. */
  readonly modules: readonly AnyMessageModule[];
  readonly listener: ConnectionListener;
  readonly clock: Clock;
  readonly logger: GatewayLogger;
  /** Left out: tokens can always be renewed. */
  readonly tokenRenewal?: TokenRenewal;
  /** Origins that browsers may connect from; a request without `Origin` is no browser's. */
  readonly allowedOrigins: readonly string[];
  /** False lifts the counts of the contract's "Limits", never sizes and deadlines. */
  readonly rateLimits: boolean;
  readonly timing?: Partial<GatewayTiming>;
}

/** All in milliseconds. Source: protocol.md, "WebSocket" and "Limits". */
export interface GatewayTiming {
  readonly helloTimeoutMs: number;
  /** How long signing in may take before it is answered `unavailable`. */
  readonly signInTimeoutMs: number;
  readonly claimTimeoutMs: number;
  readonly pingIntervalMs: number;
  readonly talkerPingIntervalMs: number;
  readonly talkerSilenceMs: number;
  /** How old the last pong may get while much was written since. */
  readonly slowConsumerMs: number;
  /** How often it is told, at most, that a session is heard on its socket. */
  readonly seenEveryMs: number;
  /** After the close frame, before the socket is cut. */
  readonly closeTimeoutMs: number;
  /** After token renewal became possible again, before old tokens close sockets. */
  readonly tokenGraceMs: number;
}

export const defaultTiming: GatewayTiming = {
  helloTimeoutMs: 5_000,
  signInTimeoutMs: 5_000,
  claimTimeoutMs: 1_000,
  pingIntervalMs: 20_000,
  talkerPingIntervalMs: 2_000,
  talkerSilenceMs: 6_000,
  slowConsumerMs: 10_000,
  seenEveryMs: 60_000,
  closeTimeoutMs: 2_000,
  tokenGraceMs: 60_000,
};

/** Sizes and counts. Source: protocol.md, "WebSocket" and "Limits". */
export const gatewayLimits = {
  maxMessageBytes: 8_192,
  /** Frames of one fragmented message. */
  maxFragments: 64,
  /** Pieces of one frame as they come from the network: a byte at a time is the worst. */
  maxBufferedChunks: 2_048,
  /** Before READY, HELLO included. */
  earlyMessages: 8,
  earlyBytes: 16_384,
  earlyControlFrames: 32,
  socketsPerUser: 10,
  waitingSocketsPerAddress: 100,
  messagesPerSecond: 50,
  messageBurst: 100,
  /** Messages refused by the rate limit, without a calm while between, before the socket is closed. */
  refusedMessages: 100,
  /** Messages of one connection that wait for earlier ones about the same group. */
  waitingMessages: 256,
  invalidMessages: 3,
  invalidWindowMs: 600_000,
  /** Bytes in the process for one socket: more than the answers to joining 50 full groups at once. */
  bufferedBytes: 4 * 1024 * 1024,
  /** Bytes written since the last pong before another one is asked for. */
  unconfirmedBytes: 256 * 1024,
  /** Bytes of audio on their way to one socket, beyond which further audio is dropped for it. */
  unconfirmedAudioBytes: 64 * 1024,
  /** Bytes of audio after which a pong is asked for. */
  audioBytesPerPing: 16 * 1024,
} as const;
