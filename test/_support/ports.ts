import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Ports are handed out from below those that systems give to outgoing connections: between the look at a port and the
 * start of a server on it, no connection takes it. Each worker of vitest has a slice of its own, so that no other does. Port 10080
 * is left out: `fetch` and browsers refuse it.
 */
const FIRST = 10_100;
const SLICES = 8;
const SLICE = Math.floor((32_768 - FIRST) / SLICES);
const ours = FIRST + (Number(process.env['VITEST_POOL_ID'] ?? 0) % SLICES) * SLICE;
let next = Math.floor(Math.random() * SLICE);

/** A TCP port on 127.0.0.1 that nobody listens on now and that this process did not hand out lately. */
export function freePort(): Promise<number> {
  return firstFree(async (port) => {
    const server = createServer();
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  });
}

/** A UDP port on 127.0.0.1 that nobody is bound to now and that this process did not hand out lately. */
export function freeUdpPort(): Promise<number> {
  return firstFree(async (port) => {
    const socket = createSocket('udp4');
    socket.bind(port, '127.0.0.1');
    await once(socket, 'listening');
    socket.close();
    await once(socket, 'close');
  });
}

async function firstFree(tryOut: (port: number) => Promise<void>): Promise<number> {
  for (let tried = 0; tried < SLICE; tried += 1) {
    const port = ours + next;
    next = (next + 1) % SLICE;
    try {
      await tryOut(port);
      return port;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')) throw error;
    }
  }
  throw new Error(`every port from ${ours} to ${ours + SLICE - 1} is in use`);
}
