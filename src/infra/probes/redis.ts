/** What a Redis says of itself. Nothing is written. */
import { Redis } from 'ioredis';
import type { Secret } from '../../config.ts';
import { readRedisUrl } from '../redis-url.ts';

export interface RedisFacts {
  /** Of a PING, in milliseconds: the least of a few, as what a busy machine adds says nothing about where Redis is. */
  readonly latencyMs: number;
  /** `null`: this user may not ask (`INFO` is refused by the access list). */
  readonly info: RedisInfo | null;
}

export interface RedisInfo {
  readonly version: string;
  /** `standalone`, `cluster`, `sentinel`. */
  readonly mode: string;
  readonly role: 'master' | 'slave' | 'unknown';
  /** `noeviction`, or what is thrown away when memory is short; `unknown` when it is not told. */
  readonly evictionPolicy: string;
  /** 0: no limit. */
  readonly maxMemoryBytes: number;
  readonly usedMemoryBytes: number;
  readonly appendOnly: boolean;
  /** The times at which it saves its memory to disk; '' for none, `null` when this user may not ask. */
  readonly save: string | null;
}

const pings = 5;

/** Throws what the connection or the server says, `limitMs` after the last answer at the latest. */
export async function probeRedis(url: Secret, limitMs: number): Promise<RedisFacts> {
  const redis = new Redis({
    ...readRedisUrl(url.reveal()),
    replyMapping: 'legacy',
    sentinelRetryStrategy: () => null,
    lazyConnect: true,
    connectTimeout: limitMs,
    commandTimeout: limitMs,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let refusal: unknown;
  redis.on('error', (error) => (refusal = error));
  try {
    await redis.connect();
    const times: number[] = [];
    for (let count = 0; count < pings; count += 1) {
      const sentAtMs = performance.now();
      await redis.ping();
      times.push(performance.now() - sentAtMs);
    }
    const latencyMs = Math.min(...times);
    const text = await unlessForbidden(redis.info());
    if (text === null) return { latencyMs, info: null };
    const save = await unlessForbidden(redis.config('GET', 'save'));
    return { latencyMs, info: readInfo(text, Array.isArray(save) ? String(save[1] ?? '') : null) };
  } catch (error) {
    throw refusal ?? error;
  } finally {
    redis.disconnect();
  }
}

/** `null` when the server refuses the command itself: not allowed to this user, renamed, or unknown to a service. */
async function unlessForbidden<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof Error && /^(NOPERM|ERR)\b/.test(error.message)) return null;
    throw error;
  }
}

/** Reads the text of `INFO`. */
export function readInfo(text: string, save: string | null): RedisInfo {
  const values = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^([a-z_]+):(.*?)\r?$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) values.set(name, value);
  }
  const role = values.get('role');
  return {
    version: values.get('redis_version') ?? 'unknown',
    mode: values.get('redis_mode') ?? 'unknown',
    role: role === 'master' || role === 'slave' ? role : 'unknown',
    evictionPolicy: values.get('maxmemory_policy') ?? 'unknown',
    maxMemoryBytes: Number(values.get('maxmemory') ?? 0),
    usedMemoryBytes: Number(values.get('used_memory') ?? 0),
    appendOnly: values.get('aof_enabled') === '1',
    save,
  };
}

/** Does it throw keys away when its memory is full? */
export function evictsKeys(info: RedisInfo): boolean {
  return info.evictionPolicy !== 'noeviction' && info.evictionPolicy !== 'unknown';
}
