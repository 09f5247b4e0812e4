import { startTcpProxy, targetOf } from './tcp-proxy.ts';

/** `NotificationResponse` of PostgreSQL's protocol: what a LISTEN is told by a NOTIFY. */
const NOTIFICATION = 'A'.charCodeAt(0);
/** One byte of type, and a length of four bytes that counts itself. */
const HEADER_BYTES = 5;

/** A proxy in front of PostgreSQL that can lose notifications, and nothing else, while it runs. */
export interface NoticeDropper {
  /** The URL of the same database, by way of the proxy. */
  readonly url: string;
  /** Whether notifications are lost from now on; at first they are not. */
  setDropping(isDropping: boolean): void;
  /** How many were lost so far. */
  readonly dropped: number;
  [Symbol.asyncDispose](): Promise<void>;
}

/** `databaseUrl` names a host and a port and does without TLS. */
export async function startNoticeDropper(databaseUrl: string): Promise<NoticeDropper> {
  const target = targetOf(new URL(databaseUrl));
  let isDropping = false;
  let dropped = 0;

  const proxy = await startTcpProxy(
    () => target,
    (client, upstream) => {
      let unread: Buffer = Buffer.alloc(0);
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
      client.on('data', (chunk) => upstream.write(chunk));
      upstream.on('data', (chunk: Buffer) => {
        const { messages, rest } = split(Buffer.concat([unread, chunk]));
        unread = rest;
        const kept = messages.filter((message) => !isDropping || message[0] !== NOTIFICATION);
        dropped += messages.length - kept.length;
        if (kept.length > 0) client.write(Buffer.concat(kept));
      });
    },
  );
  const url = new URL(databaseUrl);
  url.hostname = '127.0.0.1';
  url.port = String(proxy.port);
  return {
    url: url.href,
    setDropping: (next) => {
      isDropping = next;
    },
    get dropped() {
      return dropped;
    },
    [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose](),
  };
}

/** The whole messages at the start of `bytes`, and what is left of one that has not come to its end. */
function split(bytes: Buffer): { readonly messages: readonly Buffer[]; readonly rest: Buffer } {
  const messages: Buffer[] = [];
  let start = 0;
  while (bytes.length - start >= HEADER_BYTES) {
    const end = start + 1 + bytes.readUInt32BE(start + 1);
    if (end > bytes.length) break;
    messages.push(bytes.subarray(start, end));
    start = end;
  }
  return { messages, rest: bytes.subarray(start) };
}
