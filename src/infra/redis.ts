import type { Redis } from 'ioredis';
import { type RedisPrimary, type RedisScript, RedisUnavailable } from './redis-primary.ts';
import { type ChannelListener, RedisSubscriptions } from './redis-subscriptions.ts';
import { RedisTopology } from './redis-topology.ts';

export { type RedisPrimary, type RedisScript, redisScript, RedisUnavailable } from './redis-primary.ts';

export interface RedisListener {
  /** Commands may be sent to this primary (again). */
  onReady?(primary: RedisPrimary): void;
  /** The link to a primary is away. `reason` is for the log. */
  onDown?(reason: string): void;
}

/**
 * The connections of one process to Redis, standalone, behind Sentinels or a Cluster: two to each primary, one that
 * decides and one that listens. Their number depends on neither groups nor sockets. What concerns a key goes to the
 * primary that has its slot; without Cluster there is one primary for all.
 */
export interface RedisLinks {
  /** Those that have slots now. */
  readonly primaries: readonly RedisPrimary[];
  /** Who has the slot of this key; undefined when nobody has. */
  primaryOf(key: string): RedisPrimary | undefined;
  /**
   * Sends a command about one key. While the link is away it waits for it, at most 300 ms; what was sent is never sent
   * again unless Redis refused it as misdirected. Rejects with `RedisUnavailable` when the link stays away, when Redis
   * refuses the command, or when nothing at all was heard from this primary for `silenceMs` while it was pending: then
   * it may run all the same.
   */
  send<T>(silenceMs: number, key: string, command: (redis: Redis) => Promise<T>): Promise<T>;
  /** As `send`, for a script: the first of its keys says where; all of them lie in one slot. */
  run(
    silenceMs: number,
    script: RedisScript,
    keys: readonly string[],
    args: readonly (string | number)[],
  ): Promise<unknown>;
  /**
   * Subscribes to a sharded channel, once for each channel. Resolves when the subscription stands; rejects with
   * `RedisUnavailable` when it does not within `limitMs`. From then on it is restored whenever it is lost.
   */
  subscribe(channel: string, limitMs: number, listener: ChannelListener): Promise<void>;
  unsubscribe(channel: string): void;
  /** Whether the subscription stands now. */
  isSubscribed(channel: string): boolean;
  /** `ok` when a PING is answered within 300 ms; of a Cluster, by any primary: groups of the others go on. */
  health(): Promise<'ok' | 'down'>;
  close(): Promise<void>;
}

const HEALTH_SILENCE_MS = 300;
/** So often a command is sent on to where its slot is now. */
const MAX_REDIRECTIONS = 5;
const TRY_AGAIN_MS = 50;

/** Connects to Redis. Rejects with `RedisUnavailable` when it does not answer at the start. */
export async function connectRedis(url: string, listener: RedisListener = {}): Promise<RedisLinks> {
  const topology = new RedisTopology(
    url,
    {
      onReady: (primary) => listener.onReady?.(primary),
      onDown: (primary, reason) => listener.onDown?.(`${primary.address}: ${reason || 'the connection was closed'}`),
      onListening: () => subscriptions.placeAll(),
      onDeaf: (primary) => subscriptions.onDeaf(primary),
      onMessage: (channel, payload) => subscriptions.onMessage(channel, payload),
    },
    () => subscriptions.placeAll(),
  );
  const subscriptions = new RedisSubscriptions((channel) => topology.primaryOf(channel));
  await topology.open();

  function ownerOf(key: string): RedisPrimary {
    const owner = topology.primaryOf(key);
    if (owner === undefined) throw new RedisUnavailable('No Redis has this slot of the cluster');
    return owner;
  }

  /** Carries a command to the primary of a key, and on where it is told to. */
  async function route<T>(key: string, command: (primary: RedisPrimary, isAsking: boolean) => Promise<T>): Promise<T> {
    let primary = ownerOf(key);
    let isAsking = false;
    for (let redirections = 0; ; redirections++) {
      try {
        return await command(primary, isAsking);
      } catch (error) {
        if (!(error instanceof RedisUnavailable) || redirections === MAX_REDIRECTIONS) throw error;
        const [word, , place = ''] = error.message.split(' ');
        isAsking = word === 'ASK';
        if (word === 'ASK') {
          primary = await topology.at(place);
        } else if (word === 'MOVED') {
          await topology.refresh(primary);
          primary = ownerOf(key);
        } else if (word === 'TRYAGAIN') {
          await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
        } else {
          if (word === 'CLUSTERDOWN') topology.refreshSoon();
          throw error;
        }
      }
    }
  }

  return {
    get primaries() {
      return topology.primaries;
    },
    primaryOf: (key) => topology.primaryOf(key),
    send: (silenceMs, key, command) =>
      route(key, (primary, isAsking) => {
        if (isAsking) allowOnce(primary, silenceMs);
        return primary.send(silenceMs, command);
      }),
    run: (silenceMs, script, keys, args) =>
      route(keys[0] ?? '', (primary, isAsking) => {
        if (isAsking) allowOnce(primary, silenceMs);
        return primary.run(silenceMs, script, [...keys], [...args]);
      }),
    subscribe: (channel, limitMs, channelListener) => subscriptions.subscribe(channel, limitMs, channelListener),
    unsubscribe: (channel) => subscriptions.unsubscribe(channel),
    isSubscribed: (channel) => subscriptions.stands(channel),
    async health() {
      try {
        await Promise.any(
          topology.primaries.map((primary) => primary.send(HEALTH_SILENCE_MS, (redis) => redis.ping())),
        );
        return 'ok';
      } catch {
        return 'down';
      }
    },
    async close() {
      subscriptions.close();
      topology.close();
    },
  };
}

/** The next command on this connection may touch a slot that is still on its way here. */
function allowOnce(primary: RedisPrimary, silenceMs: number): void {
  primary
    .send(silenceMs, (redis) => redis.asking())
    .catch(() => {
      // The command that follows fails as well.
    });
}
