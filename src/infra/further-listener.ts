import type { Server } from 'node:http';
import { createServer } from 'node:net';

export interface FurtherListener {
  /** Takes no more connections; resolves when those that it took have ended. */
  close(): Promise<void>;
}

/**
 * Lets an HTTP server be reached at one more address. The sockets become the server's own (Node's documented use of
 * its `connection` event): requests, upgrades, timeouts and the end of idle connections are the same for all.
 * Rejects with the system's error when the address cannot be listened at.
 */
export async function listenAlso(
  server: Server,
  { host, port }: { readonly host: string; readonly port: number },
): Promise<FurtherListener> {
  // As http.createServer does it.
  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    server.emit('connection', socket);
  });
  await new Promise<void>((resolve, reject) => {
    listener.once('error', reject);
    listener.listen({ host, port, exclusive: true }, () => {
      listener.off('error', reject);
      resolve();
    });
  });
  return {
    close: () =>
      new Promise((resolve) => {
        listener.close(() => resolve());
      }),
  };
}
