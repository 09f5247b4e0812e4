import type { RedisLinks } from '../../infra/redis.ts';
import { groupChannel, processesChannel, userChannel } from '../redis-keys.ts';
import type { Bus, BusHandler, Unsubscribe } from './port.ts';

/** Subscribing waits this long for Redis. */
const SUBSCRIBE_LIMIT_MS = 2_000;
const PUBLISH_SILENCE_MS = 2_000;

interface Channel {
  readonly handlers: Set<BusHandler>;
  readonly standing: Promise<unknown>;
}

/**
 * Sharded pub/sub (Redis ≥ 7.0): a channel lies in the slot of the group's keys, one subscription a channel and
 * process however many handlers it has. Lost messages are not repeated; a restored subscription is a gap.
 */
export class RedisBus implements Bus {
  readonly #links: RedisLinks;
  readonly #keyPrefix: string;
  readonly #channels = new Map<string, Channel>();

  constructor(links: RedisLinks, keyPrefix: string) {
    this.#links = links;
    this.#keyPrefix = keyPrefix;
  }

  subscribeGroup(groupId: string, handler: BusHandler): Promise<Unsubscribe> {
    return this.#subscribe(groupChannel(this.#keyPrefix, groupId), handler);
  }

  subscribeUser(userId: string, handler: BusHandler): Promise<Unsubscribe> {
    return this.#subscribe(userChannel(this.#keyPrefix, userId), handler);
  }

  async publishUser(userId: string, payload: string): Promise<void> {
    const channel = userChannel(this.#keyPrefix, userId);
    await this.#links.send(PUBLISH_SILENCE_MS, channel, (redis) => redis.spublish(channel, payload));
  }

  subscribeProcesses(handler: BusHandler): Promise<Unsubscribe> {
    return this.#subscribe(processesChannel(this.#keyPrefix), handler);
  }

  async publishProcesses(payload: string): Promise<number> {
    const channel = processesChannel(this.#keyPrefix);
    return Number(await this.#links.send(PUBLISH_SILENCE_MS, channel, (redis) => redis.spublish(channel, payload)));
  }

  async close(): Promise<void> {
    this.#channels.clear();
  }

  async #subscribe(name: string, handler: BusHandler): Promise<Unsubscribe> {
    const channel = this.#channels.get(name) ?? this.#open(name);
    channel.handlers.add(handler);
    const unsubscribe = (): void => {
      channel.handlers.delete(handler);
      if (channel.handlers.size > 0 || this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      this.#links.unsubscribe(name);
    };
    try {
      await channel.standing;
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return unsubscribe;
  }

  #open(name: string): Channel {
    const handlers = new Set<BusHandler>();
    const standing = this.#links.subscribe(name, SUBSCRIBE_LIMIT_MS, {
      onMessage: (bytes) => {
        const payload = bytes.toString();
        for (const handler of handlers) handler.onMessage(payload);
      },
      onGap: () => {
        for (const handler of handlers) handler.onGap();
      },
    });
    const channel = { handlers, standing };
    this.#channels.set(name, channel);
    return channel;
  }
}
