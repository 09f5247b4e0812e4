import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../../errors.ts';
import type { Gateway } from './gateway.ts';
import { checkHandshake, checkOrigin, isSocketUpgrade, readBearer, refuseTokenInUrl } from './upgrade-rules.ts';

/** How long a refused client has to read the answer before its socket is cut. */
const REFUSAL_READ_MS = 1_000;

interface PendingUpgrade {
  readonly response: ServerResponse;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * `GET /ws`. An upgrade request goes through the ordinary routes of `app`, so that it is refused as any request
 * is (request id, rate limit, problem+json), and leaves them only when it is accepted; nothing of the request
 * stays with the socket.
 */
export function registerGateway(app: FastifyInstance, gateway: Gateway): void {
  const pending = new WeakMap<IncomingMessage, PendingUpgrade>();

  function onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    socket.on('error', destroy);
    response.on('finish', () => endSoon(socket));
    pending.set(request, { response, socket, head });
    assignSocket(response, socket);
    app.routing(request, response);
  }

  app.server.on('upgrade', onUpgrade);
  app.addHook('preClose', (done) => {
    app.server.off('upgrade', onUpgrade);
    done();
  });

  app.get('/ws', { schema: { hide: true }, ...gateway.routeOptions }, async (request, reply) => {
    const upgrade = pending.get(request.raw);
    refuseTokenInUrl(request.raw.url ?? '');
    if (upgrade === undefined || !isSocketUpgrade(request.raw)) {
      reply.header('upgrade', 'websocket');
      throw new AppError('upgrade_required', 'This address speaks WebSocket, subprotocol neda.v1.');
    }
    const leaveQuota = gateway.enter(request.ip);
    try {
      const admission = await admit(gateway, request, leaveQuota);
      if (upgrade.socket.destroyed) {
        leaveQuota();
        reply.hijack();
        return;
      }
      pending.delete(request.raw);
      upgrade.response.removeAllListeners('finish');
      detachSocket(upgrade.response, upgrade.socket);
      upgrade.socket.off('error', destroy);
      reply.hijack();
      gateway.accept(request.raw, upgrade.socket, upgrade.head, admission);
    } catch (error) {
      leaveQuota();
      throw error;
    }
  });
}

async function admit(gateway: Gateway, request: FastifyRequest, leaveQuota: () => void) {
  const { headers } = request.raw;
  checkHandshake(headers);
  checkOrigin(headers.origin, gateway.allowedOrigins);
  return gateway.admit(readBearer(headers.authorization), headers['sec-websocket-protocol'], leaveQuota);
}
