import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

/** `null` when the port can be listened on, else the system's code (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`, …). */
export function tcpPortRefusal(host: string, port: number): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'unknown'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The preferred TCP port of 127.0.0.1 when it is free, else any free one. */
export async function freeTcpPort(preferred?: number): Promise<number> {
  if (preferred !== undefined && (await tcpPortRefusal('127.0.0.1', preferred)) === null) return preferred;
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      const address = server.address();
      server.close(() => {
        if (typeof address === 'object' && address !== null) resolve(address.port);
        else reject(new Error('no TCP port was given'));
      });
    });
  });
}

/** The preferred UDP port of 127.0.0.1 when it is free, else any free one. */
export async function freeUdpPort(preferred: number): Promise<number> {
  try {
    return await boundUdpPort(preferred);
  } catch {
    return boundUdpPort(0);
  }
}

function boundUdpPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ address: '127.0.0.1', port, exclusive: true }, () => {
      const bound = socket.address().port;
      socket.close(() => resolve(bound));
    });
  });
}
