import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

const handedOut = new Set<string>();

/** A TCP port on 127.0.0.1 that nobody listens on now and that this process did not hand out before. */
export async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
    if (remember('tcp', address.port)) return address.port;
  }
}

/** A UDP port on 127.0.0.1 that nobody is bound to now and that this process did not hand out before. */
export async function freeUdpPort(): Promise<number> {
  for (;;) {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    const { port } = socket.address();
    socket.close();
    await once(socket, 'close');
    if (remember('udp', port)) return port;
  }
}

function remember(protocol: string, port: number): boolean {
  const key = `${protocol}:${port}`;
  if (handedOut.has(key)) return false;
  handedOut.add(key);
  return true;
}
