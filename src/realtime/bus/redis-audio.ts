import { type RedisLinks, RedisUnavailable } from '../../infra/redis.ts';
import { AUDIENCE_PAYLOAD, hushPayload } from '../floor/index.ts';
import { audioChannel, groupChannel } from '../redis-keys.ts';
import type { AudioBus, AudioHandler } from './audio-port.ts';
import type { Unsubscribe } from './port.ts';

/** Subscribing waits this long for Redis, as for a group's events. */
const SUBSCRIBE_LIMIT_MS = 2_000;
const ASK_SILENCE_MS = 1_000;
/** A packet that Redis has not answered is on its way until it does, or the link breaks: longer than any talk waits. */
const PACKET_SILENCE_MS = 60_000;
/** While Redis has not answered a packet of a group for this long, later ones would only come too late. */
const LATE_MS = 480;
/** As many may be on their way at once as a talker may send in a second, so that a burst of his gets through. */
const MOST_PENDING = 110;
/** Of a payload: its format, and the process that sent it. */
const HEADER_BYTES = 17;
const FORMAT = 1;

/**
 * Sharded pub/sub, outside any script, over the connections that there are. A payload is its format (one byte), the
 * sender's process id (16 bytes), by which he knows his own, and the packet. Another format is passed over.
 */
export class RedisAudioBus implements AudioBus {
  readonly #links: RedisLinks;
  readonly #keyPrefix: string;
  /** What all payloads of this process begin with. */
  readonly #header: Buffer;
  /** When the packets were sent that Redis has not answered, the oldest first, by group; monotonic. */
  readonly #pending = new Map<string, number[]>();
  /** Who listens, by channel: a subscription that was replaced ends nothing. */
  readonly #handlers = new Map<string, AudioHandler>();

  /** `processId` is a UUID. */
  constructor(links: RedisLinks, keyPrefix: string, processId: string) {
    this.#links = links;
    this.#keyPrefix = keyPrefix;
    this.#header = Buffer.concat([Buffer.of(FORMAT), Buffer.from(processId.replaceAll('-', ''), 'hex')]);
  }

  async publish(groupId: string, packet: Buffer): Promise<number> {
    const nowMs = performance.now();
    const pending = this.#pending.get(groupId) ?? [];
    const isLate = pending[0] !== undefined && nowMs - pending[0] > LATE_MS;
    if (isLate || pending.length >= MOST_PENDING) throw new RedisUnavailable('Redis has not taken earlier packets');
    pending.push(nowMs);
    this.#pending.set(groupId, pending);
    const channel = audioChannel(this.#keyPrefix, groupId);
    const payload = Buffer.concat([this.#header, packet]);
    try {
      const receivers = await this.#links.send(PACKET_SILENCE_MS, channel, (redis) => redis.spublish(channel, payload));
      return this.#others(channel, Number(receivers));
    } finally {
      this.#settled(groupId);
    }
  }

  async listeners(groupId: string): Promise<number> {
    const channel = audioChannel(this.#keyPrefix, groupId);
    const reply = await this.#links.send(ASK_SILENCE_MS, channel, (redis) => redis.pubsub('SHARDNUMSUB', channel));
    return this.#others(channel, Number(reply[1]));
  }

  async subscribe(groupId: string, handler: AudioHandler): Promise<Unsubscribe> {
    const channel = audioChannel(this.#keyPrefix, groupId);
    this.#handlers.set(channel, handler);
    await this.#links.subscribe(channel, SUBSCRIBE_LIMIT_MS, {
      onMessage: (payload) => {
        if (payload[0] !== FORMAT || this.#header.compare(payload, 0, HEADER_BYTES) === 0) return;
        handler.onPacket(payload.subarray(HEADER_BYTES));
      },
      onGap: () => this.#call(groupId),
    });
    this.#call(groupId);
    return () => {
      if (this.#handlers.get(channel) !== handler) return;
      this.#handlers.delete(channel);
      this.#links.unsubscribe(channel);
    };
  }

  async hush(groupId: string, talkId: string, forMs: number): Promise<void> {
    const channel = groupChannel(this.#keyPrefix, groupId);
    const payload = hushPayload(talkId, forMs);
    await this.#links.send(ASK_SILENCE_MS, channel, (redis) => redis.spublish(channel, payload));
  }

  /** Tells the talker's process that somebody listens now. One that does not hear of it asks by itself. */
  #call(groupId: string): void {
    const channel = groupChannel(this.#keyPrefix, groupId);
    this.#links
      .send(ASK_SILENCE_MS, channel, (redis) => redis.spublish(channel, AUDIENCE_PAYLOAD))
      .catch(() => {
        // It asks each second.
      });
  }

  #others(channel: string, receivers: number): number {
    return receivers - (this.#links.isSubscribed(channel) ? 1 : 0);
  }

  #settled(groupId: string): void {
    const pending = this.#pending.get(groupId);
    pending?.shift();
    if (pending?.length === 0) this.#pending.delete(groupId);
  }
}
