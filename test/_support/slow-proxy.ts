import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';

/** Upstream connections outlive the client's, so that what he sent before he gave up still arrives. */
const LINGER_MS = 2_000;

/** A TCP proxy in front of one port of this machine, for HTTP, whose faults can be changed while it runs. */
export interface SlowProxy {
  readonly port: number;
  /** Delay of everything that clients send from now on; 0 passes it on at once. */
  setDelay(delayMs: number): void;
  /** From now on requests are answered here, with this status; null passes them on again. */
  answer(status: number | null): void;
  /** Connections that begin from now on go to another port. */
  setTarget(targetPort: number): void;
  /** Cuts all connections, and takes none until `listen`. */
  refuse(): Promise<void>;
  listen(): Promise<void>;
  /** Everything that clients have sent so far, in the order of arrival here. */
  sent(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startSlowProxy(targetPort: number): Promise<SlowProxy> {
  let [delayMs, target] = [0, targetPort];
  let status: number | null = null;
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
    const upstream = createConnection({ host: '127.0.0.1', port: target });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    client.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      if (status !== null) client.end(`HTTP/1.1 ${status} Fault\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      else if (delayMs === 0) upstream.write(chunk);
      else later(delayMs, () => upstream.write(chunk));
    });
    client.on('close', () => later(delayMs + LINGER_MS, () => upstream.destroy()));
    upstream.on('data', (chunk) => client.write(chunk));
    upstream.on('close', () => client.destroy());
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
  return {
    port,
    setDelay: (next) => {
      delayMs = next;
    },
    answer: (next) => {
      status = next;
    },
    setTarget: (next) => {
      target = next;
    },
    refuse,
    listen: () => listen(port),
    sent: () => Buffer.concat(chunks).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer);
      await refuse();
    },
  };
}
