/**
 * The generator's client: a WebSocket on a bare TCP socket. The listeners of a fan-out share the machine with the
 * server that is measured; a client that costs more per message than the server does would hide the server's own cost.
 * Hence bytes are read into one buffer that all clients share, a message is told by a few of its bytes, and what is
 * sent was framed beforehand.
 */
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { clientPongFrame, clientTextFrame } from './websocket-frames.ts';

/** What a received message is. Everything that no measurement waits for is `other`. */
export const MessageKind = {
  other: 0,
  ready: 1,
  joined: 2,
  granted: 3,
  denied: 4,
  started: 5,
  released: 6,
  ended: 7,
  error: 8,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

const KIND_OF_TYPE: ReadonlyMap<unknown, MessageKind> = new Map<unknown, MessageKind>([
  ['READY', MessageKind.ready],
  ['GROUP_JOINED', MessageKind.joined],
  ['TALK_GRANTED', MessageKind.granted],
  ['TALK_DENIED', MessageKind.denied],
  ['TALK_STARTED', MessageKind.started],
  ['TALK_RELEASED', MessageKind.released],
  ['TALK_ENDED', MessageKind.ended],
  ['ERROR', MessageKind.error],
]);

/** Who is told what a client received. `failed` comes at most once and nothing follows it. */
export interface FloorClientObserver {
  received(client: DrivenClient, kind: MessageKind): void;
  /** A binary message: it stands in `bytes` from `start` to `end` until this returns. Left out: none may come. */
  packet?(bytes: Buffer, start: number, end: number): void;
  failed(client: DrivenClient, reason: string): void;
}

/** What a workload needs of a client that has joined its group. */
export interface DrivenClient {
  observer: FloorClientObserver;
  /** Messages whose kind was not plain from their first bytes. Many of them would weigh on the measurement. */
  readonly parsedCount: number;
  requestTalk(): void;
  releaseTalk(): void;
  /** Writes a finished frame. */
  send(frame: Buffer): void;
  /** The message that is being received, while the observer is told of it. */
  readonly text: string;
}

export interface FloorClientSeat {
  readonly host: string;
  readonly port: number;
  readonly groupId: string;
  /** What HELLO carries. */
  readonly token: string;
  /** Joins with voice over the WebSocket. */
  readonly audio?: boolean;
}

const END_OF_HEADERS = Buffer.from('\r\n\r\n');
const SWITCHING_PROTOCOLS = 'HTTP/1.1 101 ';
const TALK_PREFIX = Buffer.from('{"type":"TALK_');
const TALK_PREFIX_WORDS = [
  TALK_PREFIX.readUInt32BE(0),
  TALK_PREFIX.readUInt32BE(4),
  TALK_PREFIX.readUInt32BE(8),
] as const;
const OPCODE_TEXT = 0x1;
const OPCODE_BINARY = 0x2;
const OPCODE_CLOSE = 0x8;
const OPCODE_PING = 0x9;
const OPCODE_PONG = 0xa;

/** Reads of different sockets never overlap: each is handed on before the next begins. */
const sharedReadBuffer = Buffer.allocUnsafeSlow(64 * 1024);

/** Opens a client, signs it in and joins it to its group. Rejects when the server does anything else. */
export function openFloorClient(seat: FloorClientSeat): Promise<FloorClient> {
  return new Promise((resolve, reject) => {
    const opening = new FloorClient(seat, {
      received(_client, kind) {
        if (kind === MessageKind.ready) opening.send(clientTextFrame(joinMessage(seat)));
        else if (kind === MessageKind.joined) resolve(opening);
      },
      failed(_client, reason) {
        reject(new Error(reason));
      },
    });
    opening.connect();
  });
}

function message(type: string, id: string, groupId: string): string {
  return JSON.stringify({ type, id, groupId });
}

function joinMessage({ groupId, audio }: FloorClientSeat): string {
  return JSON.stringify({ type: 'JOIN_GROUP', id: 'join', groupId, ...(audio === true ? { audio } : {}) });
}

export class FloorClient implements DrivenClient {
  observer: FloorClientObserver;
  parsedCount = 0;

  readonly #seat: FloorClientSeat;
  readonly #socket: Socket;
  readonly #requestTalk: Buffer;
  readonly #releaseTalk: Buffer;
  readonly #hello: Buffer;
  #upgraded = false;
  #over = false;
  #rest: Buffer | null = null;
  #message: Buffer = sharedReadBuffer;
  #messageStart = 0;
  #messageEnd = 0;

  constructor(seat: FloorClientSeat, observer: FloorClientObserver) {
    this.observer = observer;
    this.#seat = seat;
    this.#hello = clientTextFrame(JSON.stringify({ type: 'HELLO', id: 'hello', token: seat.token }));
    this.#requestTalk = clientTextFrame(message('REQUEST_TALK', 'press', seat.groupId));
    this.#releaseTalk = clientTextFrame(message('RELEASE_TALK', 'release', seat.groupId));
    this.#socket = new Socket({
      onread: {
        buffer: sharedReadBuffer,
        callback: (byteCount) => {
          this.#read(byteCount);
          return true;
        },
      },
    });
    this.#socket.setNoDelay(true);
    this.#socket.on('error', (error) => this.#fail(`connection failed: ${error.message}`));
    this.#socket.on('close', () => this.#fail('the server ended the connection'));
  }

  /** Starts the connection; what comes of it goes to the observer. */
  connect(): void {
    this.#socket.connect(this.#seat.port, this.#seat.host, () => this.#socket.write(upgradeRequest(this.#seat)));
  }

  send(frame: Buffer): void {
    this.#socket.write(frame);
  }

  get text(): string {
    return this.#message.toString('utf8', this.#messageStart, this.#messageEnd);
  }

  requestTalk(): void {
    this.#socket.write(this.#requestTalk);
  }

  releaseTalk(): void {
    this.#socket.write(this.#releaseTalk);
  }

  /** Drops the connection without a word. */
  close(): void {
    this.#over = true;
    this.#socket.destroy();
  }

  #read(byteCount: number): void {
    let bytes = sharedReadBuffer;
    let end = byteCount;
    if (this.#rest !== null) {
      bytes = Buffer.concat([this.#rest, sharedReadBuffer.subarray(0, byteCount)]);
      end = bytes.length;
      this.#rest = null;
    }
    let start = this.#upgraded ? 0 : this.#readUpgradeResponse(bytes, end);
    while (!this.#over && start < end) {
      const next = this.#readFrame(bytes, start, end);
      if (next === start) break;
      start = next;
    }
    if (start < end) this.#rest = Buffer.from(bytes.subarray(start, end));
  }

  /** Returns where the first frame begins, 0 while the response is not whole. */
  #readUpgradeResponse(bytes: Buffer, end: number): number {
    const headersEnd = bytes.subarray(0, end).indexOf(END_OF_HEADERS);
    if (headersEnd < 0) return 0;
    const head = bytes.toString('latin1', 0, headersEnd);
    if (!head.startsWith(SWITCHING_PROTOCOLS)) this.#fail(`the upgrade was refused: ${head.split('\r\n', 1)[0]}`);
    this.#upgraded = true;
    this.#socket.write(this.#hello);
    return headersEnd + END_OF_HEADERS.length;
  }

  /** Handles the frame at `start` and returns where the next begins; returns `start` while the frame is not whole. */
  #readFrame(bytes: Buffer, start: number, end: number): number {
    if (end - start < 2) return start;
    let payloadStart = start + 2;
    let payloadBytes = bytes.readUInt8(start + 1);
    if (payloadBytes === 126) {
      if (end - start < 4) return start;
      payloadBytes = bytes.readUInt16BE(start + 2);
      payloadStart = start + 4;
    } else if (payloadBytes === 127) {
      if (end - start < 10) return start;
      payloadBytes = Number(bytes.readBigUInt64BE(start + 2));
      payloadStart = start + 10;
    }
    const payloadEnd = payloadStart + payloadBytes;
    if (payloadEnd > end) return start;
    const firstByte = bytes.readUInt8(start);
    const opcode = firstByte & 0x0f;
    if (firstByte === (0x80 | OPCODE_TEXT)) {
      this.#receive(bytes, payloadStart, payloadEnd);
    } else if (firstByte === (0x80 | OPCODE_BINARY) && this.observer.packet !== undefined) {
      this.observer.packet(bytes, payloadStart, payloadEnd);
    } else if (opcode === OPCODE_PING) {
      this.#socket.write(clientPongFrame(bytes.subarray(payloadStart, payloadEnd)));
    } else if (opcode === OPCODE_CLOSE) {
      const code = payloadBytes >= 2 ? bytes.readUInt16BE(payloadStart) : 'none';
      this.#fail(`the server closed, code ${code} ${bytes.toString('utf8', payloadStart + 2, payloadEnd)}`);
    } else if (opcode !== OPCODE_PONG) {
      this.#fail(`a frame of another sort came, first byte 0x${firstByte.toString(16)}`);
    }
    return payloadEnd;
  }

  #receive(bytes: Buffer, start: number, end: number): void {
    this.#message = bytes;
    this.#messageStart = start;
    this.#messageEnd = end;
    let kind = kindOfTalkMessage(bytes, start, end);
    if (kind === null) {
      this.parsedCount += 1;
      kind = kindOfParsedMessage(bytes.toString('utf8', start, end));
    }
    if (kind === MessageKind.error || kind === MessageKind.denied) {
      this.#fail(`the server answered ${this.text}`);
    } else {
      this.observer.received(this, kind);
    }
  }

  #fail(reason: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#socket.destroy();
    this.observer.failed(this, reason);
  }
}

/** The kind of a message that begins `{"type":"TALK_`, told by one more letter or two; null for every other message. */
export function kindOfTalkMessage(bytes: Buffer, start: number, end: number): MessageKind | null {
  if (
    end - start < 20 ||
    bytes.readUInt32BE(start) !== TALK_PREFIX_WORDS[0] ||
    bytes.readUInt32BE(start + 4) !== TALK_PREFIX_WORDS[1] ||
    bytes.readUInt32BE(start + 8) !== TALK_PREFIX_WORDS[2]
  ) {
    return null;
  }
  switch (bytes.readUInt8(start + TALK_PREFIX.length)) {
    case 0x53: // TALK_S(TARTED)
      return MessageKind.started;
    case 0x45: // TALK_E(NDED)
      return MessageKind.ended;
    case 0x47: // TALK_G(RANTED)
      return MessageKind.granted;
    case 0x44: // TALK_D(ENIED)
      return MessageKind.denied;
    case 0x52: // TALK_REL(EASED), TALK_REV(OKED)
      return bytes.readUInt8(start + TALK_PREFIX.length + 2) === 0x4c ? MessageKind.released : MessageKind.other;
    default:
      return MessageKind.other;
  }
}

function kindOfParsedMessage(text: string): MessageKind {
  const parsed: unknown = JSON.parse(text);
  if (typeof parsed !== 'object' || parsed === null || !('type' in parsed)) return MessageKind.other;
  return KIND_OF_TYPE.get(parsed.type) ?? MessageKind.other;
}

function upgradeRequest(seat: FloorClientSeat): string {
  return [
    'GET /ws HTTP/1.1',
    `Host: ${seat.host}:${seat.port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Protocol: neda.v1',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    '',
    '',
  ].join('\r\n');
}
