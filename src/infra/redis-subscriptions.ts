import { type RedisPrimary, RedisUnavailable } from './redis-primary.ts';

export interface ChannelListener {
  onMessage(payload: Buffer): void;
  /** The subscription was lost and stands again: messages between may be missing. */
  onGap(): void;
}

interface Subscription {
  readonly listener: ChannelListener;
  /** Who was asked for it last, or who has it. */
  primary: RedisPrimary | null;
  stands: boolean;
  /** Resolves when it stands for the first time; afterwards a loss is a gap. */
  readonly first: PromiseWithResolvers<void>;
  stoodBefore: boolean;
}

const TRY_AGAIN_MS = 200;

/** Sharded subscriptions, each at the primary that has its slot, made again when that one or its link changes. */
export class RedisSubscriptions {
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #primaryOf: (channel: string) => RedisPrimary | undefined;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(primaryOf: (channel: string) => RedisPrimary | undefined) {
    this.#primaryOf = primaryOf;
  }

  /** Resolves when it stands; rejects with `RedisUnavailable` when it does not within `limitMs`, and is given up. */
  async subscribe(channel: string, limitMs: number, listener: ChannelListener): Promise<void> {
    const first = Promise.withResolvers<void>();
    const subscription = { listener, primary: null, stands: false, first, stoodBefore: false };
    this.#subscriptions.set(channel, subscription);
    const timer = setTimeout(() => {
      first.reject(new RedisUnavailable(`The subscription did not stand after ${limitMs} ms`));
    }, limitMs);
    this.#place(channel, subscription);
    try {
      await first.promise;
    } catch (error) {
      if (this.#subscriptions.get(channel) === subscription) this.unsubscribe(channel);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  unsubscribe(channel: string): void {
    const subscription = this.#subscriptions.get(channel);
    this.#subscriptions.delete(channel);
    subscription?.primary?.unsubscribe(channel);
    subscription?.first.reject(new RedisUnavailable('The subscription was given up'));
  }

  onMessage(channel: string, payload: Buffer): void {
    this.#subscriptions.get(channel)?.listener.onMessage(payload);
  }

  /** Whether Redis sends what is published in this channel, as far as is known. */
  stands(channel: string): boolean {
    return this.#subscriptions.get(channel)?.stands === true;
  }

  /** The link of a primary is away, and what stood there with it. */
  onDeaf(primary: RedisPrimary): void {
    for (const subscription of this.#subscriptions.values()) {
      if (subscription.primary === primary) this.#lose(subscription);
    }
  }

  /** Places what does not stand, or stands where its slot is no more; called when slots or links have changed. */
  placeAll(): void {
    for (const [channel, subscription] of this.#subscriptions) this.#place(channel, subscription);
  }

  placeSoon(): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.placeAll();
    }, TRY_AGAIN_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { first } of this.#subscriptions.values()) first.reject(new RedisUnavailable('Closed'));
    this.#subscriptions.clear();
  }

  #lose(subscription: Subscription): void {
    subscription.primary = null;
    subscription.stands = false;
  }

  #place(channel: string, subscription: Subscription): void {
    const owner = this.#primaryOf(channel);
    if (owner === undefined || subscription.primary === owner || !owner.isListening) return;
    subscription.primary?.unsubscribe(channel);
    subscription.primary = owner;
    subscription.stands = false;
    const isStillMeant = (): boolean =>
      this.#subscriptions.get(channel) === subscription && subscription.primary === owner;
    owner.subscribe(channel).then(
      () => {
        if (!isStillMeant()) return;
        subscription.stands = true;
        if (subscription.stoodBefore) subscription.listener.onGap();
        subscription.stoodBefore = true;
        subscription.first.resolve();
      },
      () => {
        if (!isStillMeant()) return;
        this.#lose(subscription);
        this.placeSoon();
      },
    );
  }
}
