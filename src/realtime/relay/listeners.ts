import type { AudioBus, Unsubscribe } from '../bus/index.ts';
import { type Connection, prepareBinaryFrame } from '../gateway/index.ts';
import type { RelayCounters } from './counters.ts';
import type { AudioSink, TappedTalk } from './tap.ts';

/** How long a process goes on listening to a group that its last listener left, as for the group's events. */
const LINGER_MS = 5_000;

interface Audience {
  /** By connection id. */
  readonly connections: Map<string, Connection>;
  /** Resolves when the packets of other processes come. */
  readonly standing: Promise<Unsubscribe>;
  lingering: NodeJS.Timeout | null;
}

export interface ListenersOptions {
  readonly bus: AudioBus;
  readonly counters: RelayCounters;
  /** A packet of another process has come. */
  readonly onPacket: (groupId: string, packet: Buffer) => void;
  readonly lingerMs?: number;
}

/** Who hears a group over a socket of this process. */
export class Listeners implements AudioSink {
  readonly #options: ListenersOptions;
  readonly #audiences = new Map<string, Audience>();

  constructor(options: ListenersOptions) {
    this.#options = options;
  }

  /** Resolves when packets of other processes come; rejects when the bus cannot be reached. `add` follows. */
  async ready(groupId: string): Promise<void> {
    const audience = this.#audience(groupId);
    if (audience.connections.size === 0) this.#linger(groupId, audience);
    await audience.standing;
  }

  add(groupId: string, connection: Connection): void {
    const audience = this.#audience(groupId);
    audience.connections.set(connection.id, connection);
    if (audience.lingering !== null) clearTimeout(audience.lingering);
    audience.lingering = null;
  }

  /** Safe to call when it does not listen. */
  remove(groupId: string, connectionId: string): void {
    const audience = this.#audiences.get(groupId);
    if (audience === undefined || !audience.connections.delete(connectionId)) return;
    if (audience.connections.size === 0) this.#linger(groupId, audience);
  }

  packet({ groupId, connectionId }: Pick<TappedTalk, 'groupId' | 'connectionId'>, packet: Buffer): void {
    this.deliver(groupId, packet, connectionId);
  }

  /** Writes a packet to all of the group's listeners here but the talker; it is framed once. */
  deliver(groupId: string, packet: Buffer, talkerId: string | undefined): void {
    const { counters } = this.#options;
    const audience = this.#audiences.get(groupId);
    if (audience === undefined || audience.connections.size === 0) return;
    const frame = prepareBinaryFrame(packet);
    let delivered = 0;
    let tooSlow = 0;
    for (const connection of audience.connections.values()) {
      if (connection.id === talkerId) continue;
      if (connection.sendAudio(frame)) delivered += 1;
      else tooSlow += 1;
    }
    counters.delivered += delivered;
    counters.dropped.slow_listener += tooSlow;
  }

  close(): void {
    for (const [groupId, audience] of this.#audiences) this.#drop(groupId, audience);
  }

  #audience(groupId: string): Audience {
    const known = this.#audiences.get(groupId);
    if (known !== undefined) return known;
    const { bus, onPacket } = this.#options;
    const standing = bus.subscribe(groupId, { onPacket: (packet) => onPacket(groupId, packet) });
    const audience: Audience = { connections: new Map(), standing, lingering: null };
    this.#audiences.set(groupId, audience);
    standing.catch(() => this.#drop(groupId, audience));
    return audience;
  }

  /** Nobody listens, or nobody does yet: who only wanted to may give up. */
  #linger(groupId: string, audience: Audience): void {
    if (audience.lingering !== null) clearTimeout(audience.lingering);
    audience.lingering = setTimeout(() => {
      this.#drop(groupId, audience);
    }, this.#options.lingerMs ?? LINGER_MS).unref();
  }

  #drop(groupId: string, audience: Audience): void {
    if (audience.lingering !== null) clearTimeout(audience.lingering);
    if (this.#audiences.get(groupId) === audience) this.#audiences.delete(groupId);
    audience.standing.then(
      (unsubscribe) => unsubscribe(),
      () => {
        // It never stood, and whoever waited for it knows.
      },
    );
  }
}
