import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  type ClientMessage,
  readServerMessage,
  type ServerMessage,
  type ServerMessageOf,
  type ServerMessageType,
} from './messages.ts';

const ANSWER_LIMIT_MS = 5_000;

/** One received message and when it came, on the clock of `performance.now()`. */
export interface Received<Message extends ServerMessage = ServerMessage> {
  readonly atMs: number;
  readonly message: Message;
}

type Listener = (received: Received) => void;
type PacketListener = (packet: Buffer) => void;

/** The server answered a message by ERROR, or with another type than was asked for. */
class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly answer: ServerMessage;

  constructor(request: ClientMessage, answer: ServerMessage) {
    super(`${request.type} was answered by ${JSON.stringify(answer)}`);
    this.answer = answer;
  }
}

/** One WebSocket session of the protocol `neda.v1`: ties answers to requests and hands out everything else as events. */
export class Signalling {
  readonly #socket: WebSocket;
  readonly #listeners = new Set<Listener>();
  readonly #packetListeners = new Set<PacketListener>();
  readonly #closing: (() => void)[] = [];
  #lastId = 0;
  #closed: string | undefined;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: Buffer, isBinary) => {
      if (!isBinary) this.#receive(data.toString('utf8'));
      else for (const listener of this.#packetListeners) listener(data);
    });
    socket.on('close', (code, reason) => this.#end(`closed ${code} ${reason.toString('utf8')}`.trim()));
    socket.on('error', (error) => this.#end(error.message));
  }

  /** Opens the socket with the token on the upgrade, as native clients do. `origin` is http(s) or ws(s). */
  static async open(origin: string, accessToken: string): Promise<Signalling> {
    const socket = new WebSocket(new URL('/ws', origin.replace(/^http/, 'ws')), ['neda.v1'], {
      headers: { authorization: `Bearer ${accessToken}` },
      perMessageDeflate: false,
    });
    const signalling = new Signalling(socket);
    await once(socket, 'open');
    return signalling;
  }

  /** Calls `listener` for every message, in the order received. Returns the way to stop that. */
  onMessage(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` for every binary message, in the order received. Returns the way to stop that. */
  onPacket(listener: PacketListener): () => void {
    this.#packetListeners.add(listener);
    return () => this.#packetListeners.delete(listener);
  }

  /** Sends a binary message; without effect when the socket is gone. */
  sendPacket(packet: Uint8Array): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(packet);
  }

  /** Calls `listener` once when the socket is gone, whoever closed it. */
  onClose(listener: () => void): void {
    if (this.#closed === undefined) this.#closing.push(listener);
    else listener();
  }

  /** Sends a message and returns its one answer, whatever type it has. */
  async request(message: ClientMessage, limitMs: number = ANSWER_LIMIT_MS): Promise<Received> {
    this.#lastId += 1;
    const id = `h${this.#lastId}`;
    const answer = this.#next(
      (candidate) => 're' in candidate && candidate.re === id,
      limitMs,
      `the answer to ${message.type}`,
    );
    this.#socket.send(JSON.stringify({ id, ...message }));
    return answer;
  }

  /** As `request`, and throws `RequestRefused` when the answer is of another type. */
  async expect<Type extends ServerMessageType>(
    type: Type,
    message: ClientMessage,
  ): Promise<Received<ServerMessageOf<Type>>> {
    const { atMs, message: answer } = await this.request(message);
    if (!isOfType(answer, type)) throw new RequestRefused(message, answer);
    return { atMs, message: answer };
  }

  /** The next message of this type from now on. Throws when it does not come within `limitMs` or the socket closes. */
  async next<Type extends ServerMessageType>(
    type: Type,
    limitMs: number = ANSWER_LIMIT_MS,
  ): Promise<Received<ServerMessageOf<Type>>> {
    const { atMs, message } = await this.#next((candidate) => candidate.type === type, limitMs, type);
    if (!isOfType(message, type)) throw new Error(`a ${message.type} is not a ${type}`);
    return { atMs, message };
  }

  /** Drops the connection without a close frame. */
  cut(): void {
    this.#socket.terminate();
  }

  async close(): Promise<void> {
    if (this.#closed !== undefined) return;
    const closed = once(this.#socket, 'close');
    this.#socket.close(1000);
    await closed;
  }

  #next(fits: (message: ServerMessage) => boolean, limitMs: number, what: string): Promise<Received> {
    return new Promise((resolve, reject) => {
      const settle = (settleIt: () => void): void => {
        stopListening();
        clearTimeout(timer);
        settleIt();
      };
      const stopListening = this.onMessage((received) => {
        if (fits(received.message)) settle(() => resolve(received));
      });
      const timer = setTimeout(
        () => settle(() => reject(new Error(`${what} did not come within ${limitMs} ms`))),
        limitMs,
      );
      this.onClose(() => settle(() => reject(new Error(`${what} did not come: ${this.#closed}`))));
    });
  }

  #receive(text: string): void {
    const atMs = performance.now();
    let message: ServerMessage | null;
    try {
      message = readServerMessage(text);
    } catch (error) {
      this.#end(`the server broke the contract: ${String(error)}`);
      this.#socket.terminate();
      return;
    }
    if (message === null) return;
    // A copy: whoever begins to listen because of this message waits for the next.
    for (const listener of Array.from(this.#listeners)) listener({ atMs, message });
  }

  #end(how: string): void {
    if (this.#closed !== undefined) return;
    this.#closed = how;
    for (const listener of this.#closing.splice(0)) listener();
  }
}

function isOfType<Type extends ServerMessageType>(
  message: ServerMessage,
  type: Type,
): message is ServerMessageOf<Type> {
  return message.type === type;
}
