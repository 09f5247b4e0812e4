import { ServerResponse, type IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { HttpServer } from './server.ts';

/**
 * Node answers an `Expect` that it does not know, and `CONNECT`, by itself and without a body. Here both go through
 * the ordinary hooks, which refuse them as they refuse everything.
 */
export function routeUnusualRequests(server: HttpServer): void {
  server.server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    server.routing(request, response);
  });
  server.server.on('connect', (request: IncomingMessage, socket: Duplex) => {
    if (!(socket instanceof Socket)) {
      socket.destroy();
      return;
    }
    socket.on('error', () => socket.destroy());
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.once('finish', () => socket.destroySoon());
    response.assignSocket(socket);
    server.routing(request, response);
  });
}
