import type { AudioBus } from '../bus/index.ts';
import type { RelayCounters } from './counters.ts';
import type { AudioSink, TappedTalk } from './tap.ts';

/** While nobody elsewhere listens it is asked this often whether somebody does: a call may have been lost. */
const ASK_AGAIN_MS = 1_000;

interface Way {
  readonly groupId: string;
  /** Somebody elsewhere listens, or it is not known. */
  isHeard: boolean;
  isAsking: boolean;
  askedAtMs: number;
  /** How often somebody said that he listens. */
  calls: number;
  /** Packets that nobody hears, as far as is known. */
  readonly held: Buffer[];
}

export interface ElsewhereOptions {
  readonly bus: AudioBus;
  readonly counters: RelayCounters;
  /** Monotonic milliseconds. */
  readonly nowMs: () => number;
}

/** The listeners of other processes: packets go to the bus while one of them has any. */
export class Elsewhere implements AudioSink {
  readonly #options: ElsewhereOptions;
  /** By talk. */
  readonly #ways = new Map<string, Way>();

  constructor(options: ElsewhereOptions) {
    this.#options = options;
  }

  begins({ talkId, groupId }: TappedTalk): void {
    const way = { groupId, isHeard: true, isAsking: false, askedAtMs: 0, calls: 0, held: [] };
    this.#ways.set(talkId, way);
    this.#ask(way);
  }

  packet({ talkId }: TappedTalk, packet: Buffer): void {
    const way = this.#ways.get(talkId);
    if (way === undefined) return;
    if (way.isHeard) {
      this.#publish(way, packet);
      return;
    }
    this.#hold(way, packet);
    if (this.#options.nowMs() - way.askedAtMs >= ASK_AGAIN_MS) this.#ask(way);
  }

  ends({ talkId }: TappedTalk): void {
    this.#ways.delete(talkId);
  }

  /** Another process says that it listens to the group now. */
  called(groupId: string): void {
    for (const way of this.#ways.values()) {
      if (way.groupId !== groupId) continue;
      way.calls += 1;
      this.#isHeard(way);
    }
  }

  /**
   * Who listens may have said so already, and it waits to be read beside this packet: the packet waits until all of that
   * was read.
   */
  #hold({ held }: Way, packet: Buffer): void {
    held.push(packet);
    if (held.length > 1) return;
    setImmediate(() => {
      held.length = 0;
    });
  }

  #isHeard(way: Way): void {
    way.isHeard = true;
    for (const packet of way.held.splice(0)) this.#publish(way, packet);
  }

  #publish(way: Way, packet: Buffer): void {
    const { bus, counters } = this.#options;
    const { calls } = way;
    bus.publish(way.groupId, packet).then(
      (listeners) => {
        if (listeners > 0) counters.published += 1;
        else if (way.calls === calls) way.isHeard = false;
      },
      () => {
        counters.dropped.bus_away += 1;
      },
    );
  }

  #ask(way: Way): void {
    if (way.isAsking) return;
    way.isAsking = true;
    way.askedAtMs = this.#options.nowMs();
    const { calls } = way;
    this.#options.bus
      .listeners(way.groupId)
      .then(
        (listeners) => {
          // Who called meanwhile may not be among them.
          if (way.calls !== calls) return;
          if (listeners > 0) this.#isHeard(way);
          else way.isHeard = false;
        },
        () => {
          // It is as it was, and asked again.
        },
      )
      .finally(() => {
        way.isAsking = false;
      });
  }
}
