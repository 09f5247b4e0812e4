import { Redis } from 'ioredis';

/** The store did not answer in time, or the link to it is away. */
export class RedisUnavailable extends Error {
  override readonly name = 'RedisUnavailable';
}

export interface RedisListener {
  /** The link stands (again): scripts may be sent, subscriptions are restored. */
  onReady?(): void;
  /** The link is away. `reason` is for the log. */
  onDown?(reason: string): void;
}

/**
 * The connections of one process to Redis: one that decides, one that listens. Their number depends on neither
 * groups nor sockets.
 */
export interface RedisLinks {
  /** Commands and scripts. Commands sent while the link is away fail at once; none is ever sent twice. */
  readonly commands: Redis;
  /** Subscriptions; restored after a lost link. */
  readonly subscriptions: Redis;
  /**
   * Waits for a command. Rejects with `RedisUnavailable` when the link is away, or when nothing at all was heard
   * from Redis for `silenceMs` while the command was pending. The command may run all the same.
   */
  within<T>(silenceMs: number, command: Promise<T>): Promise<T>;
  /** `ok` when a PING is answered within 300 ms. */
  health(): Promise<'ok' | 'down'>;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 2_000;
const MAX_RETRY_DELAY_MS = 500;
const HEALTH_SILENCE_MS = 300;

/** Connects to Redis. Rejects with `RedisUnavailable` when it does not answer at the start. */
export async function connectRedis(url: string, listener: RedisListener = {}): Promise<RedisLinks> {
  const commands = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy,
  });
  const subscriptions = new Redis(url, {
    lazyConnect: true,
    autoResubscribe: true,
    maxRetriesPerRequest: null,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy,
  });
  let lastHeardAt = performance.now();
  let lastError = '';
  commands.on('connect', () => {
    commands.stream.on('data', () => {
      lastHeardAt = performance.now();
    });
  });
  commands.on('ready', () => listener.onReady?.());
  commands.on('close', () => listener.onDown?.(lastError));
  for (const link of [commands, subscriptions]) {
    link.on('error', (error: Error) => {
      lastError = error.message;
    });
  }

  function within<T>(silenceMs: number, command: Promise<T>): Promise<T> {
    const sentAt = performance.now();
    return new Promise<T>((resolve, reject) => {
      let timer = setTimeout(lookOnce, silenceMs);
      // After a process was busy its timers come before what it has not read yet: that is read first.
      function lookOnce(): void {
        setImmediate(check);
      }
      function check(): void {
        const silentMs = performance.now() - Math.max(sentAt, lastHeardAt);
        if (silentMs >= silenceMs - 1) reject(new RedisUnavailable(`Redis was silent for ${silenceMs} ms`));
        else timer = setTimeout(lookOnce, silenceMs - silentMs);
      }
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

  try {
    await Promise.all([commands.connect(), subscriptions.connect()]);
  } catch (error) {
    commands.disconnect();
    subscriptions.disconnect();
    throw new RedisUnavailable('Redis cannot be reached', { cause: error });
  }

  return {
    commands,
    subscriptions,
    within,
    async health() {
      try {
        await within(HEALTH_SILENCE_MS, commands.ping());
        return 'ok';
      } catch {
        return 'down';
      }
    },
    async close() {
      commands.disconnect();
      subscriptions.disconnect();
    },
  };
}

function retryStrategy(attempt: number): number {
  return Math.min(20 * 2 ** Math.min(attempt, 10), MAX_RETRY_DELAY_MS);
}
