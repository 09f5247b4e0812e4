import { type IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import type { HttpServer } from '../../http/server.ts';
import type { Admission } from './admission.ts';
import type { Gateway } from './gateway.ts';
import { checkHandshake, checkOrigin, isSocketUpgrade, offersOnlyUnknown, readBearer } from './upgrade-rules.ts';

/** How long a refused client has to read the answer before its socket is cut. */
const REFUSAL_READ_MS = 1_000;

interface PendingUpgrade {
  readonly response: ServerResponse;
  readonly socket: Socket;
  readonly head: Buffer;
}

/**
 * `GET /ws`. An upgrade request goes through the ordinary routes of `app`, so that it is refused as any request
 * is (request id, rate limit, problem+json), and leaves them only when it is accepted; nothing of the request
 * stays with the socket.
 */
export function registerGateway(app: HttpServer, gateway: Gateway): void {
  const pending = new WeakMap<IncomingMessage, PendingUpgrade>();

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    if (!(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.once('finish', () => endSoon(socket));
    socket.on('error', destroySocket);
    pending.set(request, { response, socket, head });
    response.assignSocket(socket);
    app.routing(request, response);
  }

  app.server.on('upgrade', onUpgrade);

  app.get('/ws', { schema: { hide: true }, config: { access: 'own' } }, async (request, reply) => {
    const upgrade = pending.get(request.raw);
    if (upgrade === undefined || !isSocketUpgrade(request.raw)) {
      reply.header('upgrade', 'websocket');
      throw new AppError('upgrade_required', 'This address speaks WebSocket, subprotocol neda.v1.');
    }
    const leaveQuota = gateway.enter(request.ip);
    try {
      const admission = await admit(gateway, request, leaveQuota);
      pending.delete(request.raw);
      reply.hijack();
      handOver(upgrade);
      gateway.accept(request.raw, upgrade.socket, upgrade.head, admission);
    } catch (error) {
      leaveQuota();
      throw error;
    }
  });
}

async function admit(gateway: Gateway, request: FastifyRequest, leaveQuota: () => void): Promise<Admission> {
  const { headers } = request.raw;
  checkHandshake(headers);
  checkOrigin(headers.origin, gateway.allowedOrigins);
  const verified = await gateway.verify(readBearer(headers.authorization));
  return {
    requestId: request.id,
    ...verified,
    unknownProtocol: offersOnlyUnknown(headers['sec-websocket-protocol']),
    leaveQuota,
  };
}

/** Takes the socket out of HTTP, so that nothing of the request and its response is held by it. */
function handOver({ response, socket }: PendingUpgrade): void {
  response.removeAllListeners('finish');
  response.detachSocket(socket);
  socket.off('error', destroySocket);
}

function destroySocket(this: Socket): void {
  this.destroy();
}

/** Ends a refused socket: what the client still sends is read away, as an unread byte would cost it the answer. */
function endSoon(socket: Socket): void {
  socket.resume();
  socket.end();
  const timer = setTimeout(() => socket.destroy(), REFUSAL_READ_MS);
  socket.once('close', () => clearTimeout(timer));
}
