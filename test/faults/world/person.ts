import { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { serverMessage, type ServerMessage, type Tokens } from '../../_support/wire.ts';
import type { ConnectionRecord } from '../checker/history.ts';

/** A device that hears nothing on a new socket for this long tries another process. */
const PATIENCE_MS = 6_000;
/** Longer than any answer may take while its process lives. */
const ANSWER_PATIENCE_MS = 15_000;

export interface Place {
  readonly index: number;
  readonly wsUrl: string;
}

export interface PersonOptions {
  readonly name: string;
  readonly tokens: Tokens;
  readonly groupIds: readonly string[];
  /** Where the next socket goes. */
  readonly choosePlace: () => Place;
  /** Fresh tokens of the same session. */
  readonly refresh: (tokens: Tokens) => Promise<Tokens>;
  readonly record: (connection: ConnectionRecord) => void;
}

interface Live {
  readonly socket: WebSocket;
  readonly record: ConnectionRecord;
  /** Resolves with the end of the socket. */
  readonly ended: Promise<null>;
}

/** A device that records all it sends and sees, stays in its groups, and reconnects as the contract advises. */
export class Person {
  readonly name: string;
  readonly userId: string;
  readonly groupIds: Set<string>;
  /** Groups in which the server has confirmed the presence of the current socket. */
  readonly joined = new Set<string>();
  /** The talk that it holds, by group. */
  readonly holding = new Map<string, string>();
  /** Closed for good: the session, the user or the device's right is gone. */
  isOut = false;
  tokens: Tokens;
  readonly #options: PersonOptions;
  readonly #positions = new Map<string, { readonly epoch: number; readonly seq: number }>();
  readonly #answers = new Map<string, (message: ServerMessage) => void>();
  readonly #open = new Set<WebSocket>();
  #live: Live | null = null;
  #isReady = false;
  #isAway = false;
  #needsToken = false;
  #sockets = 0;
  #lastId = 0;
  #failures = 0;

  constructor(options: PersonOptions) {
    this.name = options.name;
    this.userId = options.tokens.user.id;
    this.tokens = options.tokens;
    this.groupIds = new Set(options.groupIds);
    this.#options = options;
  }

  get isReady(): boolean {
    return this.#isReady && this.#live !== null;
  }

  get process(): number | null {
    return this.#live?.record.process ?? null;
  }

  /** The last number that it has heard of a group. */
  position(groupId: string): { readonly epoch: number; readonly seq: number } | undefined {
    return this.#positions.get(groupId);
  }

  /** Connected, and present in all its groups. */
  get isThere(): boolean {
    return this.isReady && this.joined.size === this.groupIds.size;
  }

  /** The device is off, or is on again. */
  stayAway(isAway: boolean): void {
    this.#isAway = isAway;
    if (isAway) this.reset();
  }

  /** Does what is missing to be present: connects, signs in, joins. Returns whether it is there. */
  async appear(place?: Place): Promise<boolean> {
    if (this.isOut || this.#isAway) return false;
    if (this.#live === null) await this.#connect(place ?? this.#options.choosePlace());
    if (!this.isReady) return false;
    for (const groupId of [...this.groupIds].filter((id) => !this.joined.has(id))) await this.join(groupId);
    return this.isThere;
  }

  async join(groupId: string): Promise<ServerMessage | null> {
    const since = this.#positions.get(groupId);
    return this.ask('JOIN_GROUP', { groupId, ...(since ? { since } : {}) });
  }

  /** Sends and waits for the answer; null when the socket ended, or nothing came for very long. */
  async ask(
    type: string,
    fields: Readonly<Record<string, unknown>> = {},
    patienceMs = ANSWER_PATIENCE_MS,
  ): Promise<ServerMessage | null> {
    const id = this.send(type, fields);
    if (id === null) return null;
    const answer = new Promise<ServerMessage>((resolve) => this.#answers.set(id, resolve));
    const ended = this.#live?.ended;
    const answered = await Promise.race([answer, ended ?? null, pause(patienceMs, null, { ref: false })]);
    this.#answers.delete(id);
    if (answered === null && patienceMs === ANSWER_PATIENCE_MS) this.drop();
    return answered;
  }

  /** Sends and returns the id of the message; null when there is no socket. */
  send(type: string, fields: Readonly<Record<string, unknown>> = {}): string | null {
    const live = this.#live;
    if (live === null || live.socket.readyState !== WebSocket.OPEN) return null;
    this.#lastId += 1;
    const id = `${this.#lastId}`;
    live.record.sent.push({ atMs: performance.now(), id, type, fields });
    live.socket.send(JSON.stringify({ type, id, ...fields }));
    return id;
  }

  /** The socket ends without a close frame. */
  drop(): void {
    const live = this.#live;
    if (live === null) return;
    this.#forget(live, 1006);
    live.socket.terminate();
  }

  /** The socket ends with a TCP reset, in good order for nobody. */
  reset(): void {
    const live = this.#live;
    if (live === null) return;
    this.#forget(live, 1006);
    const tcp: unknown = Reflect.get(live.socket, '_socket');
    if (tcp instanceof Socket) tcp.resetAndDestroy();
    live.socket.terminate();
  }

  async close(): Promise<void> {
    const live = this.#live;
    live?.socket.close(1000);
    await live?.ended;
  }

  /** Reads nothing for a while, not even pings. */
  async freeze(forMs: number): Promise<void> {
    const live = this.#live;
    if (live === null) return;
    live.socket.pause();
    const fromMs = performance.now();
    const span = { fromMs, toMs: fromMs + forMs };
    live.record.frozen.push(span);
    await pause(forMs);
    live.socket.resume();
  }

  /** The next socket is opened while this one still lives: the server replaces it (4506). */
  replace(): void {
    this.#live = null;
    this.#isReady = false;
    this.joined.clear();
    this.#answers.clear();
  }

  /** Ends every socket that it still has. */
  async leaveForGood(): Promise<void> {
    this.isOut = true;
    const open = [...this.#open];
    for (const socket of open) socket.close(1000);
    await Promise.all(
      open.map(async (socket) => {
        const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
        if (socket.readyState === WebSocket.CLOSED) return;
        await Promise.race([closed, pause(2_000)]);
        socket.terminate();
      }),
    );
  }

  async refresh(): Promise<void> {
    this.tokens = await this.#options.refresh(this.tokens);
  }

  async #connect(place: Place): Promise<void> {
    this.#sockets += 1;
    const { accessToken, session } = this.tokens;
    const socket = new WebSocket(place.wsUrl, ['neda.v1'], {
      headers: { authorization: `Bearer ${accessToken}` },
      perMessageDeflate: false,
      handshakeTimeout: PATIENCE_MS,
    });
    const opened = new Promise<boolean>((resolve) => {
      socket.once('open', () => resolve(true));
      socket.once('close', () => resolve(false));
      socket.once('unexpected-response', (_request, response) => {
        if (response.statusCode === 401) this.#mayBeOut();
        response.resume();
        socket.terminate();
      });
    });
    socket.on('error', () => undefined);
    if (!(await opened)) {
      this.#failures += 1;
      return;
    }
    const record: ConnectionRecord = {
      name: `${this.name} ${this.#sockets}`,
      userId: this.userId,
      sessionId: session.id,
      process: place.index,
      sent: [],
      received: [],
      frozen: [],
      endedAtMs: null,
      endCode: null,
    };
    const ended = new Promise<null>((resolve) => socket.once('close', () => resolve(null)));
    const live = { socket, record, ended };
    this.#live = live;
    this.#open.add(socket);
    this.#options.record(record);
    socket.on('message', (data: Buffer) => this.#take(live, data));
    socket.on('close', (code) => {
      this.#open.delete(socket);
      this.#forget(live, code);
    });
    const joins = [...this.groupIds].map(async (groupId) => [groupId, this.#positions.get(groupId)] as const);
    // One flight: HELLO and the groups, as a device that was just woken does.
    const hello = this.ask('HELLO', {}, PATIENCE_MS);
    for (const [groupId, since] of await Promise.all(joins)) {
      this.send('JOIN_GROUP', { groupId, ...(since ? { since } : {}) });
    }
    const ready = await hello;
    if (ready?.type === 'READY') this.#failures = 0;
    else if (this.#live === live) {
      this.#failures += 1;
      this.drop();
    }
  }

  /** How long to wait before the next try: soon while talking, else with back-off and jitter. */
  backOffMs(chance: number): number {
    if (this.holding.size > 0) return chance * 300;
    return Math.min(1_500, 100 * 2 ** this.#failures) * (0.5 + chance / 2);
  }

  #take(live: Live, data: Buffer): void {
    const message = serverMessage.parse(JSON.parse(data.toString('utf8')));
    live.record.received.push({ atMs: performance.now(), message });
    if (this.#live !== live) return;
    this.#note(message);
    if (message.re !== undefined) this.#answers.get(message.re)?.(message);
  }

  #note(message: ServerMessage): void {
    const { groupId, epoch, seq, type } = message;
    if (type === 'READY') this.#isReady = true;
    if (groupId === undefined) return;
    const known = this.#positions.get(groupId);
    const isNewer =
      epoch !== undefined &&
      seq !== undefined &&
      (known === undefined || epoch > known.epoch || (epoch === known.epoch && seq > known.seq));
    if (isNewer) this.#positions.set(groupId, { epoch, seq });
    switch (type) {
      case 'GROUP_JOINED':
      case 'GROUP_STATE':
        this.joined.add(groupId);
        if (message.floor?.mine === true && message.floor.talkId !== undefined) {
          this.holding.set(groupId, message.floor.talkId);
        } else this.holding.delete(groupId);
        break;
      case 'GROUP_LEFT':
        this.joined.delete(groupId);
        this.holding.delete(groupId);
        break;
      case 'GROUP_REMOVED':
        this.groupIds.delete(groupId);
        this.joined.delete(groupId);
        this.holding.delete(groupId);
        break;
      case 'TALK_GRANTED':
        if (message.talkId !== undefined) this.holding.set(groupId, message.talkId);
        break;
      case 'TALK_ENDED':
      case 'TALK_REVOKED':
        if (this.holding.get(groupId) === message.talkId) this.holding.delete(groupId);
        break;
      default:
        break;
    }
  }

  #forget(live: Live, code: number): void {
    if (live.record.endedAtMs === null) {
      live.record.endedAtMs = performance.now();
      live.record.endCode = code;
    }
    if (this.#live !== live) return;
    this.#live = null;
    this.#isReady = false;
    this.joined.clear();
    this.#answers.clear();
    if (code === 4001) this.#needsToken = true;
    else if (code >= 4500 && code !== 4506) this.isOut = true;
  }

  /** A refused token may only be old. */
  #mayBeOut(): void {
    if (this.#needsToken) this.isOut = true;
    this.#needsToken = true;
  }

  /** Gets a fresh token when the server asked for one. */
  async renewIfNeeded(): Promise<void> {
    if (!this.#needsToken) return;
    await this.refresh();
    this.#needsToken = false;
  }
}
