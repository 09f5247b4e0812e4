import type { SocketEvents, SocketPort } from './ports.ts';

/** For unit tests: time and a server that do as they are told. */

export interface Sent {
  readonly type: string;
  readonly id: string;
  readonly token?: string;
  readonly groupId?: string;
  readonly talkId?: string;
}

/** A clock that stands still until it is told to go on. */
export class FakeTime {
  nowMs = 0;
  #timers: { readonly atMs: number; readonly go: () => void }[] = [];

  after = (delayMs: number, go: () => void): (() => void) => {
    const timer = { atMs: this.nowMs + delayMs, go };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  };

  async pass(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    for (;;) {
      await settled();
      const [next] = this.#timers.toSorted((a, b) => a.atMs - b.atMs);
      if (next === undefined || next.atMs > untilMs) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.go();
    }
    this.nowMs = untilMs;
    await settled();
  }
}

/** Lets promises that are settled already go on. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

/** The server's end of a socket: what came, and what to say. */
export class FakeSocket implements SocketPort {
  readonly sent: Sent[] = [];
  readonly audio: Uint8Array[] = [];
  readonly events: SocketEvents;
  bufferedBytes = 0;
  isClosed = false;
  answersPings = true;

  constructor(events: SocketEvents) {
    this.events = events;
  }

  send(data: string | Uint8Array): void {
    if (typeof data !== 'string') {
      this.audio.push(data);
      return;
    }
    const message: unknown = JSON.parse(data);
    if (!isSent(message)) throw new Error(`no message: ${data}`);
    this.sent.push(message);
    if (this.answersPings && data.includes('PING')) this.say({ type: 'PONG' });
  }

  close(): void {
    this.isClosed = true;
  }

  say(message: object): void {
    this.events.onText(JSON.stringify(message));
  }

  /** Open and READY. */
  welcome(tokenExpiresInMs = 600_000): void {
    this.events.onOpen();
    this.say({ type: 'READY', tokenExpiresInMs });
  }

  /** The newest message of this type. Throws when there is none. */
  last(type: string): Sent {
    const found = this.sent.findLast((message) => message.type === type);
    if (found === undefined) throw new Error(`no ${type} was sent`);
    return found;
  }

  types(): string[] {
    return this.sent.map(({ type }) => type);
  }
}

function isSent(value: unknown): value is Sent {
  return typeof value === 'object' && value !== null && 'type' in value && 'id' in value;
}
