import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** Stands between clients and a server of this machine. */
export interface TcpProxy {
  readonly port: number;
  /** Both sides of all connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** Cuts all connections, and takes none until `listen`. */
  refuse(): Promise<void>;
  /** Takes connections again, on the same port. */
  listen(): Promise<void>;
  /** Cuts all connections and takes none any more. */
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ProxyTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * Takes connections on a free port of 127.0.0.1 and makes one to the target for each. `join` passes on, between the two,
 * what is to be passed on: bytes and ends.
 */
export async function startTcpProxy(
  target: () => ProxyTarget,
  join: (client: Socket, upstream: Socket) => void,
): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection(target());
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    join(client, upstream);
  });
  const listen = async (port: number): Promise<void> => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
  };
  const refuse = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy();
    if (!server.listening) return;
    server.close();
    await once(server, 'close');
  };
  await listen(0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  const { port } = address;
  return { port, sockets, refuse, listen: () => listen(port), [Symbol.asyncDispose]: refuse };
}

/** Where a URL leads. */
export function targetOf(url: URL): ProxyTarget {
  return { host: url.hostname, port: Number(url.port) };
}
