import type { RedisLinks } from '../../infra/redis.ts';
import { groupChannel, userChannel } from '../redis-keys.ts';
import type { Bus, BusHandler, Unsubscribe } from './port.ts';

/** Subscribing waits this long for Redis. */
const SUBSCRIBE_SILENCE_MS = 2_000;

interface Channel {
  readonly handlers: Set<BusHandler>;
  readonly standing: Promise<unknown>;
}

/**
 * Sharded pub/sub (Redis ≥ 7.0): a channel lies in the slot of the group's keys, one subscription a channel and
 * process however many handlers it has. Lost messages are not repeated; a restored link is a gap.
 */
export class RedisBus implements Bus {
  readonly #links: RedisLinks;
  readonly #keyPrefix: string;
  readonly #channels = new Map<string, Channel>();
  #wasReady = true;

  constructor(links: RedisLinks, keyPrefix: string) {
    this.#links = links;
    this.#keyPrefix = keyPrefix;
    links.subscriptions.on('smessage', (channel: string, payload: string) => {
      for (const handler of this.#channels.get(channel)?.handlers ?? []) handler.onMessage(payload);
    });
    links.subscriptions.on('close', () => {
      this.#wasReady = false;
    });
    links.subscriptions.on('ready', () => {
      if (this.#wasReady) return;
      this.#wasReady = true;
      for (const channel of this.#channels.values()) for (const handler of channel.handlers) handler.onGap();
    });
  }

  subscribeGroup(groupId: string, handler: BusHandler): Promise<Unsubscribe> {
    return this.#subscribe(groupChannel(this.#keyPrefix, groupId), handler);
  }

  subscribeUser(userId: string, handler: BusHandler): Promise<Unsubscribe> {
    return this.#subscribe(userChannel(this.#keyPrefix, userId), handler);
  }

  async publishUser(userId: string, payload: string): Promise<void> {
    const { commands } = this.#links;
    await this.#links.within(SUBSCRIBE_SILENCE_MS, commands.spublish(userChannel(this.#keyPrefix, userId), payload));
  }

  async close(): Promise<void> {
    this.#channels.clear();
  }

  async #subscribe(name: string, handler: BusHandler): Promise<Unsubscribe> {
    const { subscriptions } = this.#links;
    const channel = this.#channels.get(name) ?? {
      handlers: new Set<BusHandler>(),
      standing: this.#links.within(SUBSCRIBE_SILENCE_MS, subscriptions.ssubscribe(name)),
    };
    this.#channels.set(name, channel);
    channel.handlers.add(handler);
    const unsubscribe = (): void => {
      channel.handlers.delete(handler);
      if (channel.handlers.size > 0 || this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      subscriptions.sunsubscribe(name).catch(() => {
        // The link is away; a subscription that Redis does not know any more ends nothing.
      });
    };
    try {
      await channel.standing;
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return unsubscribe;
  }
}
