import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { AppError, dependencyUnavailable } from '../../errors.ts';
import type { Admission } from './admission.ts';
import type { Connection } from './connection.ts';
import { createContext } from './create-context.ts';
import type { GatewayCounters } from './counters.ts';
import { followDomainEvents } from './domain-events.ts';
import { GatewaySocket } from './gateway-socket.ts';
import { Handshake } from './handshake.ts';
import { refusalOf } from './message-refused.ts';
import { authenticate } from './old-tokens.ts';
import { gatewayLimits, type GatewayPorts } from './ports.ts';
import { renewClaim } from './session-claiming.ts';
import { chooseProtocol } from './upgrade-rules.ts';
import { within } from './within.ts';

/** The WebSocket side of one process. */
export interface Gateway {
  readonly counters: Readonly<GatewayCounters>;
  readonly allowedOrigins: readonly string[];
  /** Begins with deadlines, domain events and session claims. */
  start(): Promise<void>;
  /**
   * Takes no new sockets and closes all with 4000. Resolves when they are gone, at the latest after `limitMs`,
   * when what is left is cut.
   */
  stop(limitMs: number): Promise<void>;
  /** The connection after READY with this id, if it is here. */
  connection(connectionId: string): Connection | undefined;
  /** A user's connections in this process. */
  connectionsOf(userId: string): readonly Connection[];
  /**
   * Takes a place for a socket before READY; the returned function gives it back.
   * Throws `too_many_requests` when the address has too many, `dependency_unavailable` while stopping.
   */
  enter(address: string): () => void;
  /**
   * Verifies the token of an upgrade request. Throws `token_invalid`, `token_expired`, `token_wrong_type`.
   * Where that cannot be known now the token is kept for HELLO.
   */
  verify(token: string | null): Promise<Pick<Admission, 'token' | 'authentication' | 'verifiedAtMs'>>;
  /** Completes an upgrade that was checked (upgrade-rules.ts). */
  accept(request: IncomingMessage, stream: Duplex, head: Buffer, admission: Admission): void;
}

const QUOTA_RETRY_MS = 1_000;

export function createGateway(ports: GatewayPorts): Gateway {
  const context = createContext(ports);
  const { registry, recent, wheel, timing } = context;
  let unsubscribe = (): void => undefined;
  const socketServer = new WebSocketServer(serverOptions(timing.closeTimeoutMs));
  /** Of upgrades that are being answered. */
  const requestIds = new WeakMap<IncomingMessage, string>();
  socketServer.on('headers', (headers, request) => {
    const requestId = requestIds.get(request);
    if (requestId !== undefined) headers.push(`x-request-id: ${requestId}`);
  });

  return {
    counters: context.counters,
    allowedOrigins: ports.allowedOrigins,
    async start() {
      wheel.start();
      unsubscribe = followDomainEvents(context);
      await ports.claims.start({
        onReplaced(connectionId) {
          recent.note(`socket replaced ${connectionId}`);
          registry.get(connectionId)?.close('replaced');
        },
        onGap() {
          for (const connection of registry.all()) void renewClaim(context, connection);
        },
      });
    },
    async stop(limitMs) {
      context.stopping = true;
      unsubscribe();
      const ends = [...context.sockets].map(
        (socket) =>
          new Promise<void>((resolve) => {
            socket.once('close', () => resolve());
          }),
      );
      for (const handshake of [...context.handshakes]) handshake.close('server_shutdown');
      for (const connection of registry.all()) connection.close('server_shutdown');
      await within(Promise.all(ends), limitMs).catch(() => {
        for (const socket of context.sockets) socket.terminate();
      });
      wheel.stop();
    },
    connection: (connectionId) => registry.get(connectionId),
    connectionsOf: (userId) => registry.ofUser(userId),
    enter(address) {
      if (context.stopping) throw dependencyUnavailable('server');
      const leave = context.waitingByAddress.take(address);
      if (leave !== null) return leave;
      throw new AppError('too_many_requests', 'Too many sockets of this address wait for HELLO.', {
        retryAfterMs: QUOTA_RETRY_MS,
      });
    },
    async verify(token) {
      const verifiedAtMs = ports.clock.monotonicMs();
      if (token === null) return { token, authentication: null, verifiedAtMs };
      try {
        const authentication = await within(authenticate(context, token), timing.signInTimeoutMs);
        if (authentication.ok) return { token, authentication, verifiedAtMs };
        throw refuseToken(authentication.reason);
      } catch (error) {
        if (error instanceof AppError && refusalOf(error)?.code !== 'unavailable') throw error;
        ports.logger.debug({ err: error }, 'the token of an upgrade is verified at HELLO');
        return { token, authentication: null, verifiedAtMs };
      }
    },
    accept(request, stream, head, admission) {
      if (context.stopping) {
        stream.destroy();
        admission.leaveQuota();
        return;
      }
      let accepted = false;
      requestIds.set(request, admission.requestId);
      socketServer.handleUpgrade(request, stream, head, (socket) => {
        accepted = true;
        new Handshake(context, socket, stream, admission).begin();
      });
      // The client went away meanwhile.
      if (!accepted) admission.leaveQuota();
    },
  };
}

function refuseToken(reason: string): AppError {
  if (reason === 'token_expired') return new AppError('token_expired', 'The access token has expired.');
  if (reason === 'token_wrong_type') return new AppError('token_wrong_type', 'This is no access token.');
  return new AppError('token_invalid', 'The access token is not valid.');
}

function serverOptions(closeTimeout: number) {
  return {
    noServer: true,
    WebSocket: GatewaySocket,
    clientTracking: false,
    autoPong: false,
    perMessageDeflate: false,
    handleProtocols: chooseProtocol,
    maxPayload: gatewayLimits.maxMessageBytes,
    maxFragments: gatewayLimits.maxFragments,
    maxBufferedChunks: gatewayLimits.maxBufferedChunks,
    closeTimeout,
  };
}
