import { startTcpProxy, targetOf } from '../../_support/tcp-proxy.ts';

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
  const target = targetOf(new URL(url));
  let isCut = false;
  const proxy = await startTcpProxy(
    () => target,
    (client, upstream) => {
      for (const [socket, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        socket.on('data', (chunk) => {
          if (!isCut && !other.destroyed) other.write(chunk);
        });
        socket.on('close', () => {
          if (!isCut) other.destroy();
        });
      }
    },
  );
  const through = new URL(url);
  through.port = String(proxy.port);
  return {
    url: through.href,
    cut: () => {
      isCut = true;
    },
    restore: () => {
      for (const socket of proxy.sockets) socket.resetAndDestroy();
      isCut = false;
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}
