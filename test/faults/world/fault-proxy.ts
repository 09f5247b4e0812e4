import type { Socket } from 'node:net';
import { startTcpProxy } from '../../_support/tcp-proxy.ts';
import { Random } from './random.ts';

/** A TCP proxy between one process and one port of this machine, with the faults of a network. */
export interface FaultProxy {
  readonly port: number;
  /** Everything is passed on this much later in both directions, in order; jitter adds up to as much again. */
  delay(delayMs: number, jitterMs: number): void;
  /** Requests reach the server and its replies are thrown away. */
  swallowReplies(isOn: boolean): void;
  /** What the client sends from now on waits here; `false` lets it go. */
  holdRequests(isOn: boolean): void;
  /** Cuts all connections with a reset. */
  cut(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startFaultProxy(targetPort: number, seed: number): Promise<FaultProxy> {
  const random = new Random(seed);
  const held: (() => void)[] = [];
  let [delayMs, jitterMs, swallows, holds] = [0, 0, false, false];

  /** Passes chunks on in their order, each when its delay is over. */
  function pipe(from: Socket, to: Socket, isRequest: boolean): void {
    let queue = Promise.resolve();
    let [dueAtMs, waiting] = [0, 0];
    from.on('data', (chunk: Buffer) => {
      if (!isRequest && swallows) return;
      const pass = (): void => {
        if (!to.destroyed) to.write(chunk);
      };
      if (isRequest && holds) {
        held.push(pass);
        return;
      }
      if (delayMs === 0 && waiting === 0) {
        pass();
        return;
      }
      dueAtMs = Math.max(dueAtMs, performance.now() + delayMs + random.next() * jitterMs);
      const waitMs = Math.max(0, dueAtMs - performance.now());
      const over = new Promise<void>((resolve) => setTimeout(resolve, waitMs).unref());
      waiting += 1;
      queue = queue
        .then(() => over)
        .then(() => {
          waiting -= 1;
          pass();
        });
    });
  }

  const proxy = await startTcpProxy(
    () => ({ host: '127.0.0.1', port: targetPort }),
    (client, upstream) => {
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
      pipe(client, upstream, true);
      pipe(upstream, client, false);
    },
  );
  return {
    port: proxy.port,
    delay: (next, jitter) => {
      [delayMs, jitterMs] = [next, jitter];
    },
    swallowReplies: (isOn) => {
      swallows = isOn;
    },
    holdRequests: (isOn) => {
      holds = isOn;
      if (!isOn) for (const pass of held.splice(0)) pass();
    },
    cut: () => {
      for (const socket of proxy.sockets) socket.resetAndDestroy();
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
