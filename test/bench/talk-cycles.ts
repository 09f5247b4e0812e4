/**
 * Closed loops of talks: in each group one connection presses, is granted, releases, and presses again; the groups run
 * side by side. Nothing but measuring happens while they run.
 */
import type { GeneratedSegment, TalksJob } from './generator-messages.ts';
import { type DrivenClient, type FloorClientObserver, MessageKind } from './floor-client.ts';
import { percentile } from './statistics.ts';

/** The connections of one group. */
export interface SeatedGroup {
  readonly talker: DrivenClient;
  readonly listeners: readonly DrivenClient[];
}

/** Runs the loops once. Rejects when a server refuses, closes or answers with an error. */
export function measureTalks(groups: readonly SeatedGroup[], job: TalksJob): Promise<GeneratedSegment> {
  return new Promise((resolve, reject) => {
    const latenciesMs = new Float64Array(groups.length * job.talksPerGroup);
    let talks = 0;
    let deliveries = 0;
    let busyGroups = groups.length;
    const parsedBefore = parsedCount(groups);
    const cpuBefore = process.cpuUsage();
    const startedAtMs = performance.now();

    const tally = {
      latency(ms: number): void {
        latenciesMs[talks] = ms;
        talks += 1;
      },
      groupDone(delivered: number): void {
        deliveries += delivered;
        busyGroups -= 1;
        if (busyGroups > 0) return;
        const elapsedMs = performance.now() - startedAtMs;
        const cpu = process.cpuUsage(cpuBefore);
        resolve({
          latencyP50Us: percentile(latenciesMs, 0.5) * 1000,
          latencyP99Us: percentile(latenciesMs, 0.99) * 1000,
          talks,
          deliveries,
          lost: 0,
          elapsedMs,
          generatorCpuUs: cpu.user + cpu.system,
          parsedCount: parsedCount(groups) - parsedBefore,
        });
      },
      failed(reason: string): void {
        reject(new Error(reason));
      },
    };
    const loops = groups.map((group) => new TalkLoop(group, job, tally));
    for (const loop of loops) loop.press();
  });
}

interface Tally {
  latency(ms: number): void;
  groupDone(deliveries: number): void;
  failed(reason: string): void;
}

/**
 * The loop of one group. A talk is over when its release was answered and every listener has its `TALK_ENDED`; only
 * then the next press goes out, so that the events of one talk never stand in the way of the next.
 */
class TalkLoop implements FloorClientObserver {
  readonly #group: SeatedGroup;
  readonly #untilDelivered: boolean;
  readonly #tally: Tally;
  #talksLeft: number;
  #pressedAtMs = 0;
  #granted = false;
  #released = false;
  #startedMissing = 0;
  #endedMissing = 0;
  #deliveries = 0;

  constructor(group: SeatedGroup, job: TalksJob, tally: Tally) {
    this.#group = group;
    this.#untilDelivered = job.until === 'delivered';
    this.#tally = tally;
    this.#talksLeft = job.talksPerGroup;
    group.talker.observer = this;
    for (const listener of group.listeners) listener.observer = this;
  }

  press(): void {
    this.#talksLeft -= 1;
    this.#granted = false;
    this.#released = false;
    this.#startedMissing = this.#group.listeners.length;
    this.#endedMissing = this.#group.listeners.length;
    this.#pressedAtMs = performance.now();
    this.#group.talker.requestTalk();
  }

  received(client: DrivenClient, kind: MessageKind): void {
    if (client === this.#group.talker) this.#talkerReceived(kind);
    else this.#listenerReceived(kind);
  }

  failed(_client: DrivenClient, reason: string): void {
    this.#tally.failed(reason);
  }

  #talkerReceived(kind: MessageKind): void {
    if (kind === MessageKind.granted) {
      if (!this.#untilDelivered) this.#tally.latency(performance.now() - this.#pressedAtMs);
      this.#granted = true;
      this.#releaseWhenHeard();
    } else if (kind === MessageKind.released) {
      this.#released = true;
      this.#endWhenOver();
    }
  }

  #listenerReceived(kind: MessageKind): void {
    if (kind === MessageKind.started) {
      this.#deliveries += 1;
      this.#startedMissing -= 1;
      if (this.#startedMissing > 0) return;
      if (this.#untilDelivered) this.#tally.latency(performance.now() - this.#pressedAtMs);
      this.#releaseWhenHeard();
    } else if (kind === MessageKind.ended) {
      this.#deliveries += 1;
      this.#endedMissing -= 1;
      this.#endWhenOver();
    }
  }

  #releaseWhenHeard(): void {
    if (this.#granted && this.#startedMissing === 0) this.#group.talker.releaseTalk();
  }

  #endWhenOver(): void {
    if (!this.#released || this.#endedMissing > 0) return;
    if (this.#talksLeft > 0) this.press();
    else this.#tally.groupDone(this.#deliveries);
  }
}

/** How many messages the clients of the groups had to parse so far. */
export function parsedCount(groups: readonly SeatedGroup[]): number {
  let count = 0;
  for (const group of groups) {
    count += group.talker.parsedCount;
    for (const listener of group.listeners) count += listener.parsedCount;
  }
  return count;
}
