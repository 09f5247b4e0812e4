import type { ServerMessage } from '../../../src/realtime/protocol/index.ts';
import { type Outgoing, readServerMessage } from '../messages.ts';
import { SignInNeeded, type SocketEvents, type SocketPort, type Surroundings, type TokenSource } from './ports.ts';
import { afterClose, reconnectDelayMs, renewalDelayMs } from './schedule.ts';

export type LinkState =
  | { readonly kind: 'off' }
  | { readonly kind: 'connecting' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'waiting'; readonly delayMs: number }
  /** Over until `start` is called again; `code` is the WebSocket's close code. */
  | { readonly kind: 'stopped'; readonly code: number }
  | { readonly kind: 'signed_out'; readonly code: number | null };

export interface LinkEvents {
  readonly onState: (state: LinkState) => void;
  readonly onMessage: (message: ServerMessage) => void;
  readonly onAudio: (bytes: Uint8Array) => void;
}

export interface LinkOptions extends LinkEvents {
  readonly openSocket: (events: SocketEvents) => SocketPort;
  readonly surroundings: Surroundings;
  readonly tokens: TokenSource;
  /** What is said right after HELLO, in the same flight: which group to join, and the floor when the key is held. */
  readonly greeting: (send: (message: Outgoing) => string) => void;
  readonly isTalking: () => boolean;
}

const READY_LIMIT_MS = 8_000;
const PROBE = { idleMs: 15_000, talkingMs: 2_000, answerMs: 5_000 };
const TOKEN_RETRY_MS = 5_000;
/** Sound that waits longer than this on the way out is of no use any more; half a second of it. */
const MAX_UNSENT_BYTES = 4_096;

/**
 * The connection of one session: HELLO, reconnecting, fresh tokens, and noticing a dead network (a web page does not
 * see the server's pings). It knows nothing of groups and talks.
 */
export class Link {
  readonly #options: LinkOptions;
  #state: LinkState = { kind: 'off' };
  #socket: SocketPort | null = null;
  /** Of the socket that counts; events of earlier ones are not heard. */
  #life = 0;
  #lastId = 0;
  #attempt = 0;
  #lastHeardMs = 0;
  #timers: (() => void)[] = [];

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get state(): LinkState {
    return this.#state;
  }

  /** Begins to connect, and goes on trying until `stop` or the server's last word. */
  start(): void {
    this.#attempt = 0;
    void this.#connect(false);
  }

  stop(): void {
    this.#drop();
    this.#enter({ kind: 'off' });
  }

  /** The network may be back: tries at once instead of waiting on. */
  hurry(): void {
    if (this.#state.kind === 'waiting') void this.#connect(false);
    else if (this.#state.kind === 'ready') this.#probe();
  }

  /** Sends a message and returns its id; null while there is no connection. */
  send(message: Outgoing): string | null {
    return this.#state.kind === 'ready' ? this.#write(message) : null;
  }

  /** Sends an audio packet, or drops it: sound is never kept for later. */
  sendAudio(bytes: Uint8Array<ArrayBuffer>): boolean {
    if (this.#state.kind !== 'ready' || this.#socket === null || this.#socket.bufferedBytes > MAX_UNSENT_BYTES) {
      return false;
    }
    this.#socket.send(bytes);
    return true;
  }

  async #connect(needsFreshToken: boolean): Promise<void> {
    this.#drop();
    const life = this.#life;
    this.#enter({ kind: 'connecting' });
    const { tokens, openSocket } = this.#options;
    let token: string;
    try {
      token = await (needsFreshToken ? tokens.renew() : tokens.current());
    } catch (error) {
      if (life !== this.#life) return;
      if (error instanceof SignInNeeded) this.#signOut(null);
      else this.#tryLater(needsFreshToken);
      return;
    }
    if (life !== this.#life) return;
    this.#later(READY_LIMIT_MS, () => this.#tryLater(false));
    const ifCurrent =
      <Arguments extends unknown[]>(then: (...values: Arguments) => void) =>
      (...values: Arguments): void => {
        if (life === this.#life) then(...values);
      };
    this.#socket = openSocket({
      onOpen: ifCurrent(() => this.#greet(token)),
      onText: ifCurrent((text) => this.#receive(text)),
      onBytes: ifCurrent((bytes) => {
        this.#lastHeardMs = this.#options.surroundings.nowMs();
        this.#options.onAudio(bytes);
      }),
      onClose: ifCurrent((code) => this.#closed(code)),
    });
  }

  #greet(token: string): void {
    this.#write({ type: 'HELLO', token });
    this.#options.greeting((message) => this.#write(message));
  }

  #receive(text: string): void {
    this.#lastHeardMs = this.#options.surroundings.nowMs();
    const message = readServerMessage(text);
    if (message === null) return;
    if (message.type === 'READY') this.#becomeReady(message.tokenExpiresInMs);
    if (message.type === 'AUTHENTICATED') this.#renewBefore(message.tokenExpiresInMs);
    this.#options.onMessage(message);
  }

  #becomeReady(tokenExpiresInMs: number): void {
    this.#clearTimers();
    this.#attempt = 0;
    this.#enter({ kind: 'ready' });
    this.#renewBefore(tokenExpiresInMs);
    this.#watch();
  }

  #renewBefore(tokenExpiresInMs: number): void {
    this.#later(renewalDelayMs(tokenExpiresInMs), () => void this.#renew());
  }

  async #renew(): Promise<void> {
    const life = this.#life;
    try {
      const token = await this.#options.tokens.renew();
      if (life === this.#life) this.#write({ type: 'AUTHENTICATE', token });
    } catch (error) {
      if (life !== this.#life) return;
      if (error instanceof SignInNeeded) this.#signOut(null);
      else this.#later(TOKEN_RETRY_MS, () => void this.#renew());
    }
  }

  /** Asks for a sign of life when nothing was heard for a while. */
  #watch(): void {
    const { nowMs } = this.#options.surroundings;
    const limitMs = this.#options.isTalking() ? PROBE.talkingMs : PROBE.idleMs;
    if (nowMs() - this.#lastHeardMs >= limitMs) this.#probe();
    else this.#later(PROBE.talkingMs / 2, () => this.#watch());
  }

  #probe(): void {
    const { nowMs } = this.#options.surroundings;
    const askedAtMs = nowMs();
    this.#write({ type: 'PING' });
    this.#later(this.#options.isTalking() ? PROBE.talkingMs : PROBE.answerMs, () => {
      if (this.#lastHeardMs >= askedAtMs) this.#watch();
      else this.#tryLater(false);
    });
  }

  #closed(code: number): void {
    switch (afterClose(code)) {
      case 'retry':
        return this.#tryLater(false);
      case 'renew_token':
        return this.#tryLater(true);
      case 'sign_in':
        return this.#signOut(code);
      case 'stop':
        this.#drop();
        this.#enter({ kind: 'stopped', code });
    }
  }

  #tryLater(needsFreshToken: boolean): void {
    this.#drop();
    const { surroundings, isTalking } = this.#options;
    const delayMs = reconnectDelayMs(this.#attempt, isTalking(), surroundings.random());
    this.#attempt += 1;
    this.#later(delayMs, () => void this.#connect(needsFreshToken));
    this.#enter({ kind: 'waiting', delayMs });
  }

  #signOut(code: number | null): void {
    this.#drop();
    this.#enter({ kind: 'signed_out', code });
  }

  /** Ends what the socket of now began. */
  #drop(): void {
    this.#life += 1;
    this.#clearTimers();
    this.#socket?.close();
    this.#socket = null;
  }

  #write(message: Outgoing): string {
    this.#lastId += 1;
    const id = `t${this.#lastId}`;
    this.#socket?.send(JSON.stringify({ ...message, id }));
    return id;
  }

  #later(delayMs: number, then: () => void): void {
    const life = this.#life;
    const cancel = this.#options.surroundings.after(delayMs, () => {
      this.#timers = this.#timers.filter((timer) => timer !== cancel);
      if (life === this.#life) then();
    });
    this.#timers.push(cancel);
  }

  #clearTimers(): void {
    for (const cancel of this.#timers.splice(0)) cancel();
  }

  #enter(state: LinkState): void {
    this.#state = state;
    this.#options.onState(state);
  }
}
