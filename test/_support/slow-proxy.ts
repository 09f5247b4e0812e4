import { startTcpProxy } from './tcp-proxy.ts';

/** Upstream connections outlive the client's, so that what he sent before he gave up still arrives. */
const LINGER_MS = 2_000;

/** A TCP proxy in front of one port of this machine, for HTTP, whose faults can be changed while it runs. */
export interface SlowProxy {
  readonly port: number;
  /** Delay of everything that clients send from now on; 0 passes it on at once. */
  setDelay(delayMs: number): void;
  /** From now on requests are answered here, with this status; null passes them on again. */
  answer(status: number | null): void;
  /** From now on to another port: connections end as soon as what was asked on them is answered. */
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
  const timers = new Set<NodeJS.Timeout>();
  const later = (afterMs: number, act: () => void): void => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, afterMs);
    timers.add(timer);
  };
  const connections = new Set<{ readonly end: () => void; isAsked: boolean; readonly target: number }>();
  const proxy = await startTcpProxy(
    () => ({ host: '127.0.0.1', port: target }),
    (client, upstream) => {
      const connection = { end: () => void client.end(), isAsked: false, target };
      connections.add(connection);
      client.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        connection.isAsked = true;
        if (status !== null) client.end(`HTTP/1.1 ${status} Fault\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
        else if (delayMs === 0) upstream.write(chunk);
        else later(delayMs, () => upstream.write(chunk));
      });
      client.on('close', () => {
        connections.delete(connection);
        later(delayMs + LINGER_MS, () => upstream.destroy());
      });
      upstream.on('data', (chunk) => {
        client.write(chunk);
        connection.isAsked = false;
        if (connection.target !== target) client.end();
      });
      upstream.on('close', () => client.destroy());
    },
  );
  return {
    port: proxy.port,
    setDelay: (next) => {
      delayMs = next;
    },
    answer: (next) => {
      status = next;
    },
    setTarget: (next) => {
      target = next;
      for (const connection of connections) if (!connection.isAsked && connection.target !== next) connection.end();
    },
    refuse: () => proxy.refuse(),
    listen: () => proxy.listen(),
    sent: () => Buffer.concat(chunks).toString('latin1'),
    [Symbol.asyncDispose]: async () => {
      for (const timer of timers) clearTimeout(timer);
      await proxy[Symbol.asyncDispose]();
    },
  };
}
