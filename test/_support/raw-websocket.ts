import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Late } from './late.ts';
import { until } from './until.ts';

const TEXT = 1;
const BINARY = 2;
const FINAL = 0x80;

/** A frame as it stood on the wire, sent by a server: not masked. */
interface WireFrame {
  readonly opcode: number;
  /** Header and payload. */
  readonly bytes: Buffer;
}

/** A WebSocket client without a library, for tests that look at the bytes themselves. It answers no pings. */
export class RawWebSocket {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.#socket = socket;
    const late = new Late();
    socket.on('data', (chunk: Buffer) => {
      late.happen(() => {
        this.#received = Buffer.concat([this.#received, chunk]);
      });
    });
  }

  /** Opens `<origin>/ws`, `origin` as http, with the token on the upgrade. */
  static async connect(origin: string, token: string): Promise<RawWebSocket> {
    const { hostname, port, host } = new URL(origin);
    const socket = connect(Number(port), hostname);
    const client = new RawWebSocket(socket);
    await once(socket, 'connect');
    const head = [
      'GET /ws HTTP/1.1',
      `Host: ${host}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      'Sec-WebSocket-Protocol: neda.v1',
      `Authorization: Bearer ${token}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n`);
    await until(() => client.#headEnd() > 0, { limitMs: 10_000, describe: () => 'the socket is upgraded' });
    return client;
  }

  send(message: object): void {
    this.#socket.write(maskedFrame(TEXT, Buffer.from(JSON.stringify(message))));
  }

  /** The messages so far. */
  texts(): string[] {
    return this.#frames()
      .filter(({ opcode }) => opcode === TEXT)
      .map(({ bytes }) => bytes.subarray(headerLength(bytes)).toString('utf8'));
  }

  /** The binary messages so far, with the headers of their frames. */
  binaryFrames(): Buffer[] {
    return this.#frames()
      .filter(({ opcode }) => opcode === BINARY)
      .map(({ bytes }) => bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Where HTTP ends; 0 while it has not. */
  #headEnd(): number {
    const blankLine = this.#received.indexOf('\r\n\r\n');
    return blankLine < 0 ? 0 : blankLine + 4;
  }

  #frames(): WireFrame[] {
    const frames: WireFrame[] = [];
    let at = this.#headEnd();
    for (;;) {
      const rest = this.#received.subarray(at);
      if (rest.length < 2 || rest.length < headerLength(rest)) return frames;
      const length = headerLength(rest) + payloadLength(rest);
      if (rest.length < length) return frames;
      frames.push({ opcode: (rest[0] ?? 0) & 0x0f, bytes: rest.subarray(0, length) });
      at += length;
    }
  }
}

function headerLength(frame: Buffer): number {
  const length = (frame[1] ?? 0) & 0x7f;
  return length === 126 ? 4 : length === 127 ? 10 : 2;
}

function payloadLength(frame: Buffer): number {
  const length = (frame[1] ?? 0) & 0x7f;
  return length === 126 ? frame.readUInt16BE(2) : length === 127 ? Number(frame.readBigUInt64BE(2)) : length;
}

/** As RFC 6455 wants it of clients; with a mask of zeros the payload stays as it is. */
function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const header =
    payload.length < 126
      ? Buffer.from([FINAL | opcode, 0x80 | payload.length])
      : Buffer.from([FINAL | opcode, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}
