import type { RedisOptions } from 'ioredis';
import { type PrimaryListener, RedisPrimary, RedisUnavailable } from './redis-primary.ts';
import { SLOT_COUNT, slotOfKey, tagWithin } from './redis-slots.ts';
import { readRedisUrl } from './redis-url.ts';

const ASK_SILENCE_MS = 1_000;
/** While a primary is away the others are asked this often who has its slots now. */
const LOOK_AGAIN_MS = 500;
/** A primary that was named for a slot on its way may not own any yet. */
const KEPT_UNUSED_MS = 60_000;

interface SlotRange {
  readonly from: number;
  readonly to: number;
  readonly host: string;
  readonly port: number;
}

/**
 * Which primary has which slots. Without Cluster there is one for all: the Redis of the URL, or the one that its
 * Sentinels name. With Cluster it is read from any node, anew whenever a node says that slots have moved and while one
 * is away.
 */
export class RedisTopology {
  readonly #address: RedisOptions;
  readonly #listener: PrimaryListener;
  readonly #onChanged: () => void;
  readonly #primaries = new Map<string, { readonly primary: RedisPrimary; usedAtMs: number }>();
  readonly #owners: (RedisPrimary | undefined)[] = Array.from({ length: SLOT_COUNT });
  #isCluster = false;
  #refreshing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** `onChanged` is called when slots have other owners than before. */
  constructor(url: string, listener: Omit<PrimaryListener, 'onMoved'>, onChanged: () => void) {
    this.#address = readRedisUrl(url);
    this.#onChanged = onChanged;
    this.#listener = {
      ...listener,
      onDown: (primary, reason) => {
        listener.onDown(primary, reason);
        this.refreshSoon();
      },
      onMoved: (primary) => {
        void this.refresh(primary).catch(() => this.refreshSoon());
      },
    };
  }

  /** Rejects with `RedisUnavailable` when nothing answers at the URL. */
  async open(): Promise<void> {
    const first = this.#add(addressOf(this.#address), this.#address);
    try {
      await first.connect();
      const info = await first.send(ASK_SILENCE_MS, (redis) => redis.info('cluster'));
      this.#isCluster = /^cluster_enabled:1/m.test(info);
      if (this.#isCluster) await this.#apply(first);
      else this.#owners.fill(first);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  get primaries(): readonly RedisPrimary[] {
    const owners = this.#isCluster ? new Set(this.#owners) : [this.#owners[0]];
    return [...owners].filter((owner) => owner !== undefined);
  }

  /** Who has the slot of a key or sharded channel. */
  primaryOf(key: string): RedisPrimary | undefined {
    return this.#owners[this.#isCluster ? slotOfKey(key) : 0];
  }

  /** The primary that a redirection names, connected. */
  async at(place: string): Promise<RedisPrimary> {
    const known = this.#primaries.get(place);
    if (known !== undefined) {
      known.usedAtMs = performance.now();
      return known.primary;
    }
    const { host, port } = readPlace(place);
    const primary = this.#add(place, { ...this.#address, host, port }, performance.now());
    await primary.connect();
    return primary;
  }

  /** Asks who has which slots, `first` before others. Rejects when nobody answers. */
  refresh(first?: RedisPrimary): Promise<void> {
    if (!this.#isCluster || this.#isClosed) return Promise.resolve();
    this.#refreshing ??= this.#ask(first).finally(() => {
      this.#refreshing = null;
      if (this.primaries.some((primary) => !primary.isReady)) this.refreshSoon();
    });
    return this.#refreshing;
  }

  refreshSoon(): void {
    if (!this.#isCluster || this.#isClosed || this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.refresh().catch(() => this.refreshSoon());
    }, LOOK_AGAIN_MS).unref();
  }

  close(): void {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    for (const { primary } of this.#primaries.values()) primary.close();
    this.#primaries.clear();
  }

  async #ask(first?: RedisPrimary): Promise<void> {
    const ready = [...this.#primaries.values()].map(({ primary }) => primary).filter((primary) => primary.isReady);
    for (const primary of new Set([...(first === undefined ? [] : [first]), ...ready])) {
      try {
        await this.#apply(primary);
        return;
      } catch {
        // Another one may know.
      }
    }
    // All nodes may have new addresses; the one of the URL is left.
    if (this.#primaries.has(addressOf(this.#address))) throw new RedisUnavailable('No node of the cluster answers');
    const seed = this.#add(addressOf(this.#address), this.#address);
    try {
      await seed.connect();
      await this.#apply(seed);
    } finally {
      this.#dropUnused();
    }
  }

  async #apply(asked: RedisPrimary): Promise<void> {
    const reply = await asked.send(ASK_SILENCE_MS, (redis) => redis.cluster('SLOTS'));
    const ranges = readSlots(reply, asked.address);
    if (ranges.length === 0) throw new RedisUnavailable('The node knows no slots of the cluster');
    if (this.#isClosed) return;
    const owners: (RedisPrimary | undefined)[] = Array.from({ length: SLOT_COUNT });
    const added: RedisPrimary[] = [];
    for (const { from, to, host, port } of ranges) {
      const place = `${host}:${port}`;
      let primary = this.#primaries.get(place)?.primary;
      if (primary === undefined) {
        primary = this.#add(place, { ...this.#address, host, port });
        added.push(primary);
      }
      owners.fill(primary, from, to + 1);
    }
    // One that does not answer is tried again in the background.
    await Promise.all(added.map((primary) => primary.connect().catch(() => undefined)));
    let hasChanged = false;
    for (const [slot, owner] of owners.entries()) {
      hasChanged ||= this.#owners[slot] !== owner;
      this.#owners[slot] = owner;
    }
    if (hasChanged) {
      for (const primary of this.primaries) primary.tag = tagWithin((slot) => owners[slot] === primary);
      this.#onChanged();
    }
    this.#dropUnused();
  }

  #dropUnused(): void {
    const used = new Set(this.#owners);
    for (const [place, { primary, usedAtMs }] of this.#primaries) {
      if (used.has(primary) || performance.now() - usedAtMs < KEPT_UNUSED_MS) continue;
      this.#primaries.delete(place);
      primary.close();
    }
  }

  #add(place: string, options: RedisOptions, usedAtMs = Number.NEGATIVE_INFINITY): RedisPrimary {
    const primary = new RedisPrimary(place, options, this.#listener);
    this.#primaries.set(place, { primary, usedAtMs });
    return primary;
  }
}

function addressOf({ host, port, sentinels, name }: RedisOptions): string {
  if (sentinels) return `primary ${name} of the Sentinels`;
  return `${host ?? 'localhost'}:${port ?? 6_379}`;
}

/** Host and port of `host:port`; the host may be an IPv6 address. */
function readPlace(place: string): { host: string; port: number } {
  const end = place.lastIndexOf(':');
  return { host: place.slice(0, end), port: Number(place.slice(end + 1)) };
}

/** What CLUSTER SLOTS answers: a list of [from, to, [host, port, …] of the primary, replicas…]. */
function readSlots(reply: unknown, asked: string): SlotRange[] {
  if (!Array.isArray(reply)) throw new RedisUnavailable('CLUSTER SLOTS was answered in an unknown form');
  return reply.map((entry: unknown) => {
    const [from, to, primary] = itemsOf(entry);
    const [host, port] = itemsOf(primary);
    // A node that does not know its own name means the one that it was reached by.
    const known = typeof host === 'string' && host !== '' && host !== '?' ? host : readPlace(asked).host;
    return { from: Number(from), to: Number(to), host: known, port: Number(port) };
  });
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
