import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createConnection, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import { Late } from './late.ts';
import { StopWaiting, until } from './until.ts';
import { type ServerMessage, serverMessage } from './wire.ts';

/** Longer than any deadline of the contract that a single answer has, on a machine that has other things to do. */
const DEFAULT_LIMIT_MS = 10_000;

/** One received message and when it came (`performance.now()`). */
export interface Received {
  readonly atMs: number;
  readonly message: ServerMessage;
  /** What stood on the wire. */
  readonly text: string;
}

export interface ConnectOptions {
  /** Sent as `Authorization: Bearer` on the upgrade, as native clients do. */
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly subprotocols?: readonly string[];
}

/** The server refused the upgrade. */
export class UpgradeRefused extends Error {
  readonly status: number;
  readonly body: string;

  constructor(status: number, body: string) {
    super(`the upgrade was refused with ${status}: ${body}`);
    this.status = status;
    this.body = body;
  }
}

/**
 * A black-box client of the WebSocket protocol. It records everything that comes, answers nothing by itself except
 * protocol pings, and waits on conditions over its record.
 */
export class WsClient {
  /** Every JSON message so far, oldest first. */
  readonly received: Received[] = [];
  /** Every binary message so far, oldest first. */
  readonly binary: { readonly atMs: number; readonly data: Buffer }[] = [];
  readonly #socket: WebSocket;
  #closed: { readonly code: number; readonly reason: string } | undefined;
  #fault: Error | undefined;
  #lastId = 0;

  readonly #stream: Socket;

  private constructor(socket: WebSocket, stream: Socket) {
    this.#socket = socket;
    this.#stream = stream;
    const late = new Late();
    socket.on('message', (data: Buffer, isBinary) => late.happen(() => this.#record(data, isBinary)));
    socket.on('close', (code, reason) => {
      late.happen(() => {
        this.#closed = { code, reason: reason.toString('utf8') };
      });
    });
    socket.on('error', (error) => {
      this.#fault = error;
    });
  }

  /** Opens a socket to `<origin>/ws` (`origin` as http or ws). Throws `UpgradeRefused` when the server says no. */
  static async connect(origin: string, options: ConnectOptions = {}): Promise<WsClient> {
    const url = new URL('/ws', origin.replace(/^http/, 'ws'));
    const headers = {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...options.headers,
    };
    const stream = createConnection({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
    const socket = new WebSocket(url, [...(options.subprotocols ?? ['neda.v1'])], {
      headers,
      perMessageDeflate: false,
      createConnection: () => stream,
    });
    const client = new WsClient(socket, stream);
    await Promise.race([once(socket, 'open'), refusal(socket)]);
    return client;
  }

  /** Connects with the token on the upgrade and says HELLO. */
  static async signIn(origin: string, token: string): Promise<WsClient> {
    const client = await WsClient.connect(origin, { token });
    await client.hello();
    return client;
  }

  /** Says HELLO, with the token in it for browser-like clients, and returns READY. */
  async hello(fields: { readonly token?: string; readonly idlePingMs?: number } = {}): Promise<ServerMessage> {
    return this.expect('READY', 'HELLO', fields);
  }

  /** Sends a message with an id of its own and returns the id, without waiting for the answer. */
  send(type: string, fields: Readonly<Record<string, unknown>> = {}): string {
    this.#lastId += 1;
    const id = `c${this.#lastId}`;
    this.sendRaw(JSON.stringify({ type, id, ...fields }));
    return id;
  }

  /** Everything that `act` sends goes to the server at once: it reads all of it before it can answer any. */
  inOneFlight(act: () => void): void {
    this.#stream.cork();
    act();
    this.#stream.uncork();
  }

  /** Sends text or bytes as they are. */
  sendRaw(data: string | Buffer): void {
    this.#socket.send(data);
  }

  /** Sends a message and returns its answer, the one with `re`, whatever its type is. */
  async request(
    type: string,
    fields: Readonly<Record<string, unknown>> = {},
    limitMs = DEFAULT_LIMIT_MS,
  ): Promise<ServerMessage> {
    const id = this.send(type, fields);
    return this.answerTo(id, limitMs);
  }

  /** The answer to a message sent by `send`. */
  async answerTo(id: string, limitMs = DEFAULT_LIMIT_MS): Promise<ServerMessage> {
    return this.waitFor((message) => message.re === id, { limitMs, what: `the answer to ${id}` });
  }

  /** Sends a message and throws when the answer has another type. */
  async expect(
    answerType: string,
    type: string,
    fields: Readonly<Record<string, unknown>> = {},
    limitMs = DEFAULT_LIMIT_MS,
  ): Promise<ServerMessage> {
    const answer = await this.request(type, fields, limitMs);
    if (answer.type !== answerType)
      throw new Error(`${type} was answered by ${JSON.stringify(answer)}, not ${answerType}`);
    return answer;
  }

  /**
   * The first message that fits, of those received since `after` (a `mark()`; from the start without it) or still to
   * come within `limitMs`. Throws with everything that did come when the time is over or the socket closes.
   */
  async waitFor(
    fits: (message: ServerMessage) => boolean,
    options: { readonly limitMs?: number; readonly after?: number; readonly what?: string } = {},
  ): Promise<ServerMessage> {
    const limitMs = options.limitMs ?? DEFAULT_LIMIT_MS;
    return until(
      () => {
        const found = this.received.slice(options.after ?? 0).find(({ message }) => fits(message));
        if (found === undefined && this.#closed !== undefined)
          throw new StopWaiting(`${options.what ?? String(fits)} did not come. ${this.describe()}`);
        return found?.message;
      },
      { limitMs, everyMs: 2, describe: () => `${options.what ?? String(fits)}. ${this.describe()}` },
    );
  }

  /** `waitFor` a message of this type, optionally about one group. */
  async waitForType(
    type: string,
    options: { readonly groupId?: string; readonly limitMs?: number; readonly after?: number } = {},
  ): Promise<ServerMessage> {
    const { groupId, ...rest } = options;
    const fits = (message: ServerMessage): boolean =>
      message.type === type && (groupId === undefined || message.groupId === groupId);
    return this.waitFor(fits, { ...rest, what: `a ${type}${groupId === undefined ? '' : ` of ${groupId}`}` });
  }

  /** A place in the record, for `after`. */
  mark(): number {
    return this.received.length;
  }

  /** Everything received since `after`, optionally of one type. */
  messages(type?: string, after = 0): ServerMessage[] {
    const messages = this.received.slice(after).map(({ message }) => message);
    return type === undefined ? messages : messages.filter((message) => message.type === type);
  }

  /** When the message came, on the clock of `performance.now()`. */
  timeOf(message: ServerMessage): number {
    const entry = this.received.find((received) => received.message === message);
    if (entry === undefined) throw new Error('this client did not receive that message');
    return entry.atMs;
  }

  /** Returns when the server has answered everything sent before this call (a PING to and fro). */
  async settled(): Promise<void> {
    await this.expect('PONG', 'PING');
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  /** Waits for the end of the socket and returns code and reason; 1006 is an end without a close frame. */
  async closed(limitMs = DEFAULT_LIMIT_MS): Promise<{ readonly code: number; readonly reason: string }> {
    return until(() => this.#closed, { limitMs, describe: () => `the socket closes. ${this.describe()}` });
  }

  /** Closes in good order and waits for the end. */
  async close(code = 1000): Promise<void> {
    this.#socket.close(code);
    await this.closed();
  }

  /** Drops the TCP connection without a close frame. */
  terminate(): void {
    this.#socket.terminate();
  }

  /** Stops reading: pings are not answered any more, the connection stays open (a frozen device). */
  freeze(): void {
    this.#socket.pause();
  }

  thaw(): void {
    this.#socket.resume();
  }

  /** What came so far, for error messages. */
  describe(): string {
    const lines = this.received.map(({ atMs, message }) => `  ${atMs.toFixed(0)} ms ${JSON.stringify(message)}`);
    const state = this.#closed === undefined ? 'open' : `closed ${this.#closed.code} ${this.#closed.reason}`;
    const fault = this.#fault === undefined ? '' : `, ${this.#fault.message}`;
    return `The socket is ${state}${fault}; ${lines.length} messages came:\n${lines.join('\n')}`;
  }

  #record(data: Buffer, isBinary: boolean): void {
    const atMs = performance.now();
    if (isBinary) {
      this.binary.push({ atMs, data });
      return;
    }
    const text = data.toString('utf8');
    const parsed = serverMessage.safeParse(JSON.parse(text));
    if (parsed.success) this.received.push({ atMs, message: parsed.data, text });
    else this.#fault = new Error(`a message breaks the contract: ${text}: ${parsed.error.message}`);
  }
}

/** Rejects when the server answers the upgrade with an HTTP response. */
async function refusal(socket: WebSocket): Promise<never> {
  return new Promise((_resolve, reject) => {
    socket.once('unexpected-response', (_request, response: IncomingMessage) => {
      text(response).then((body) => reject(new UpgradeRefused(response.statusCode ?? 0, body)), reject);
    });
  });
}
