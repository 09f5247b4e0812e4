import { createHash } from 'node:crypto';
import { Redis, type RedisOptions } from 'ioredis';

/** The store did not answer in time, or the link to it is away. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

/** A Lua script; its first key says where it runs, and all its keys lie in one slot. */
export interface RedisScript {
  readonly lua: string;
  readonly sha: string;
}

export function redisScript(lua: string): RedisScript {
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}

export interface PrimaryListener {
  /** Commands may be sent (again). */
  onReady(primary: RedisPrimary): void;
  /** The link is away. `reason` is for the log. */
  onDown(primary: RedisPrimary, reason: string): void;
  /** Subscriptions may be made (again); none stands. */
  onListening(primary: RedisPrimary): void;
  onDeaf(primary: RedisPrimary): void;
  onMessage(channel: string, payload: Buffer): void;
  /** A subscription was ended by Redis, or belongs elsewhere: slots have moved. */
  onMoved(primary: RedisPrimary): void;
}

const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RETRY_DELAY_MS = 500;
/** So long a command waits for a link that is away. */
const LINK_WAIT_MS = 300;
/** More than a process has under way; the others fail at once. */
const MOST_WAITING = 10_000;
const RUN_ID_SILENCE_MS = 1_000;

/** A command that waits for the link. */
interface Waiter {
  send(): void;
  fail(reason: string): void;
}

/** One Redis that takes writes, over two connections: one that decides, one that listens. */
export class RedisPrimary {
  /** Tells it from others; changes when another one takes its slots. */
  readonly address: string;
  /** A hash tag whose keys lie here. */
  tag = '0';
  readonly #commands: Redis;
  readonly #subscriptions: Redis;
  /** Scripts that Redis was given over the present connection. */
  readonly #loaded = new Set<string>();
  #lastHeardAt = performance.now();
  #lastError = '';
  #isClosed = false;
  /** The Redis behind the present link is known: what waited was let go. */
  #isKnown = false;
  #runId: string | null = null;
  #meeting: Promise<void> = Promise.resolve();
  readonly #waiting = new Set<Waiter>();

  constructor(address: string, options: RedisOptions, listener: PrimaryListener) {
    this.address = address;
    const common = {
      ...options,
      replyMapping: 'legacy' as const,
      lazyConnect: true,
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      autoResubscribe: false,
      connectTimeout: CONNECT_TIMEOUT_MS,
      retryStrategy,
      // A primary that became a replica: whoever knows the new one is asked again.
      reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    };
    this.#commands = new Redis({ ...common, maxRetriesPerRequest: 0 });
    this.#subscriptions = new Redis({ ...common, maxRetriesPerRequest: null });
    this.#commands.on('connect', () => {
      this.#loaded.clear();
      this.#commands.stream.on('data', () => {
        this.#lastHeardAt = performance.now();
      });
    });
    this.#commands.on('ready', () => {
      this.#meeting = this.#meet(listener);
    });
    this.#commands.on('close', () => {
      this.#isKnown = false;
      if (!this.#isClosed) listener.onDown(this, this.#lastError);
    });
    this.#subscriptions.on('ready', () => listener.onListening(this));
    this.#subscriptions.on('close', () => listener.onDeaf(this));
    // As bytes: the event `smessage` would decode what is no text.
    this.#subscriptions.on('smessageBuffer', (channel: Buffer, payload: Buffer) =>
      listener.onMessage(channel.toString(), payload),
    );
    this.#subscriptions.on('moved', () => listener.onMoved(this));
    for (const link of [this.#commands, this.#subscriptions]) {
      link.on('error', (error: Error) => {
        this.#lastError = error.message;
      });
    }
  }

  get isReady(): boolean {
    return this.#commands.status === 'ready';
  }

  get isListening(): boolean {
    return this.#subscriptions.status === 'ready';
  }

  /** Rejects with `RedisUnavailable` when it does not answer now; it is tried again in the background all the same. */
  async connect(): Promise<void> {
    try {
      await Promise.all([this.#commands.connect(), this.#subscriptions.connect()]);
      await this.#meeting;
    } catch (error) {
      throw new RedisUnavailable(this.#lastError || 'Redis cannot be reached', { cause: error });
    }
  }

  /**
   * Sends a command, once. While the link is away it waits for it, in order, for `silenceMs` and at most 300 ms; then,
   * and when another Redis has come in the place of this one, it fails without having been sent. Rejects with
   * `RedisUnavailable` also when nothing at all was heard from this Redis for `silenceMs` while the command was pending;
   * then it may run all the same.
   */
  send<T>(silenceMs: number, command: (redis: Redis) => Promise<T>): Promise<T> {
    const canBeSent = this.isReady && this.#isKnown && this.#commands.stream.writable;
    if (canBeSent || this.#isClosed) return this.#within(silenceMs, command(this.#commands));
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.size >= MOST_WAITING) {
        reject(new RedisUnavailable(`${MOST_WAITING} commands wait for Redis already`));
        return;
      }
      const waiter: Waiter = {
        send: () => {
          clearTimeout(timer);
          resolve(this.#within(silenceMs, command(this.#commands)));
        },
        fail: (reason) => {
          clearTimeout(timer);
          this.#waiting.delete(waiter);
          reject(new RedisUnavailable(reason));
        },
      };
      const timer = setTimeout(
        // What the process has not read yet may be that the link is back.
        () => setImmediate(() => waiter.fail(this.#lastError || 'The link to Redis is away')),
        Math.min(silenceMs, LINK_WAIT_MS),
      );
      this.#waiting.add(waiter);
    });
  }

  /** As `send`, by digest; by text when this Redis does not know the script yet. */
  async run(silenceMs: number, script: RedisScript, keys: string[], args: (string | number)[]): Promise<unknown> {
    const byText = (): Promise<unknown> =>
      this.send(silenceMs, (redis) => redis.eval(script.lua, keys.length, ...keys, ...args));
    if (!this.#loaded.has(script.sha)) {
      this.#loaded.add(script.sha);
      return byText();
    }
    try {
      return await this.send(silenceMs, (redis) => redis.evalsha(script.sha, keys.length, ...keys, ...args));
    } catch (error) {
      if (error instanceof RedisUnavailable && error.message.startsWith('NOSCRIPT')) return byText();
      throw error;
    }
  }

  subscribe(channel: string): Promise<unknown> {
    return this.#subscriptions.ssubscribe(channel);
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.sunsubscribe(channel).catch(() => {
      // The link is away; a subscription that Redis does not know any more ends nothing.
    });
  }

  close(): void {
    this.#isClosed = true;
    for (const waiter of this.#waiting) waiter.fail('The links to Redis were closed');
    this.#commands.disconnect();
    this.#subscriptions.disconnect();
  }

  /**
   * The link is there (again). What waited was meant for the Redis that was behind it: another one, which may not have
   * its data, gets none of it.
   */
  async #meet(listener: PrimaryListener): Promise<void> {
    const link = this.#commands.stream;
    const info = await this.#within(RUN_ID_SILENCE_MS, this.#commands.info('server')).catch(() => '');
    if (this.#isClosed || this.#commands.stream !== link || !this.isReady) return;
    const [, runId = ''] = /^run_id:(\w+)/m.exec(info) ?? [];
    const isSame = runId !== '' && (this.#runId === null || this.#runId === runId);
    this.#runId = runId;
    this.#isKnown = true;
    for (const waiter of this.#waiting) {
      if (isSame) waiter.send();
      else waiter.fail('Another Redis has come in the place of the one that was asked');
    }
    this.#waiting.clear();
    listener.onReady(this);
  }

  #within<T>(silenceMs: number, command: Promise<T>): Promise<T> {
    const sentAt = performance.now();
    return new Promise<T>((resolve, reject) => {
      const lookOnce = (): void => {
        setImmediate(check);
      };
      const check = (): void => {
        const silentMs = performance.now() - Math.max(sentAt, this.#lastHeardAt);
        if (silentMs >= silenceMs - 1) reject(new RedisUnavailable(`Redis was silent for ${silenceMs} ms`));
        else timer = setTimeout(lookOnce, silenceMs - silentMs);
      };
      // After a process was busy its timers come before what it has not read yet: that is read first.
      let timer = setTimeout(lookOnce, silenceMs);
      command.then(
        (value) => {
          clearTimeout(timer);
          resolve(value);
        },
        (error: unknown) => {
          clearTimeout(timer);
          reject(new RedisUnavailable(error instanceof Error ? error.message : 'Redis failed', { cause: error }));
        },
      );
    });
  }
}

function retryStrategy(attempt: number): number {
  return Math.min(20 * 2 ** Math.min(attempt, 10), MAX_RETRY_DELAY_MS);
}
