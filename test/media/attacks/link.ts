import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** The way of one client's signalling to a server of this machine, which can be cut for a while. */
export interface Link {
  /** The address of the server by way of this link. */
  readonly url: string;
  /** From now on nothing gets through, and neither end is told. */
  cut(): void;
  /** New connections get through again; the old ones turn out to be dead. */
  restore(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `url` is the server's own address, `ws://127.0.0.1:…`. */
export async function startLink(url: string): Promise<Link> {
  const target = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((client) => {
    const upstream = createConnection({ host: target.hostname, port: Number(target.port) });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        if (!isCut && !other.destroyed) other.write(chunk);
      });
      socket.on('close', () => {
        sockets.delete(socket);
        if (!isCut) other.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const through = new URL(url);
  through.port = String(address.port);
  return {
    url: through.href,
    cut: () => {
      isCut = true;
    },
    restore: () => {
      for (const socket of sockets) socket.resetAndDestroy();
      isCut = false;
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
