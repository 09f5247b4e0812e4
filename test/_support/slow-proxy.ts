import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** Upstream connections outlive the client's, so that what he sent before he gave up still arrives. */
const LINGER_MS = 2_000;

/** A TCP proxy in front of one port of this machine, whose delay can be changed while it runs. */
export interface SlowProxy {
  readonly port: number;
  /** Delay of everything that clients send from now on; 0 passes it on at once. */
  setDelay(delayMs: number): void;
  /** Everything that clients have sent so far, in the order of arrival here. */
  sent(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  let delayMs = 0;
  const chunks: Buffer[] = [];
  const sockets = new Set<Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const later = (afterMs: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, afterMs);
    timers.add(timer);
  };
  const server = createServer((client) => {
    const upstream = createConnection({ host: '127.0.0.1', port: targetPort });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (delayMs === 0) upstream.write(chunk);
      else later(delayMs, () => upstream.write(chunk));
    });
    client.on('close', () => later(delayMs + LINGER_MS, () => upstream.destroy()));
    upstream.on('data', (chunk) => client.write(chunk));
    upstream.on('close', () => client.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    port: address.port,
    setDelay: (next) => {
      delayMs = next;
    },
    sent: () => Buffer.concat(chunks).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
