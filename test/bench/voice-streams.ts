/**
 * Voice at its own pace: in each group one talker holds the floor and sends a packet every so often, and every packet
 * is awaited at every listener. Pressing and releasing are steps of their own, so that they are no part of what is
 * measured.
 */
import type { GeneratedSegment, StreamJob } from './generator-messages.ts';
import { type DrivenClient, type FloorClientObserver, MessageKind } from './floor-client.ts';
import { percentile } from './statistics.ts';
import { parsedCount, type SeatedGroup } from './talk-cycles.ts';

/** Mark, stream and number: protocol.md "Audio over the WebSocket". */
const HEADER_BYTES = 9;
const AUDIO_MARK = 0x01;
const STREAM_AT = 1;
const NUMBER_AT = 5;
/** 20 ms of Opus at 24 kbit/s. */
const OPUS_BYTES = 60;
/** What has not come so long after the last packet was sent is lost. */
const LAST_CHANCE_MS = 5_000;
const STREAM_FIELD = /"streamId":(\d+)/;

/** How the talker's packets go to the server: as WebSocket frames of a client, or as the very bytes to be forwarded. */
export type FramePacket = (packet: Buffer) => Buffer;

/** The talks of all groups of one generator: `press`, any number of `stream`, `release`. */
export class VoiceStreams {
  readonly #groups: readonly SeatedGroup[];
  readonly #voices: readonly GroupVoice[];

  constructor(groups: readonly SeatedGroup[], frame: FramePacket) {
    this.#groups = groups;
    this.#voices = groups.map((group) => new GroupVoice(group, frame));
  }

  /** Resolves when every group's talker has the floor. Rejects when one does not get it, or a connection fails. */
  async press(): Promise<void> {
    await Promise.all(this.#voices.map((voice) => voice.press()));
  }

  /** Resolves when every packet is at every listener, or is lost. Rejects when a connection fails, or none comes. */
  async stream({ packets, everyMs }: Pick<StreamJob, 'packets' | 'everyMs'>): Promise<GeneratedSegment> {
    const parsedBefore = parsedCount(this.#groups);
    for (const voice of this.#voices) voice.prepare(packets);
    const cpuBefore = process.cpuUsage();
    const startedAtMs = performance.now();
    // Talkers do not begin in the same millisecond.
    const offsetMs = everyMs / this.#voices.length;
    const heard = Promise.all(this.#voices.map((voice) => voice.heard));
    await Promise.race([
      heard,
      this.#send(packets, (group, packet) => startedAtMs + group * offsetMs + packet * everyMs),
    ]);
    await Promise.race([heard, new Promise((resolve) => setTimeout(resolve, LAST_CHANCE_MS).unref())]);
    const cpu = process.cpuUsage(cpuBefore);
    const delaysMs = this.#voices.flatMap((voice) => voice.delaysMs);
    if (delaysMs.length === 0) throw new Error('no packet came to any listener');
    const expected = this.#groups.reduce((sum, group) => sum + packets * group.listeners.length, 0);
    return {
      latencyP50Us: percentile(delaysMs, 0.5) * 1000,
      latencyP99Us: percentile(delaysMs, 0.99) * 1000,
      talks: 0,
      deliveries: delaysMs.length,
      lost: expected - delaysMs.length,
      elapsedMs: performance.now() - startedAtMs,
      generatorCpuUs: cpu.user + cpu.system,
      parsedCount: parsedCount(this.#groups) - parsedBefore,
    };
  }

  /** Resolves when every release was answered. */
  async release(): Promise<void> {
    await Promise.all(this.#voices.map((voice) => voice.release()));
  }

  /** Sends each packet when it is due; a late timer is made up for. Resolves when all are sent. */
  #send(packets: number, dueAtMs: (group: number, packet: number) => number): Promise<void> {
    return new Promise((resolve) => {
      const sent = this.#voices.map(() => 0);
      const look = (): void => {
        let earliestMs = Number.POSITIVE_INFINITY;
        for (const [group, voice] of this.#voices.entries()) {
          let next = sent[group] ?? 0;
          for (; next < packets && dueAtMs(group, next) <= performance.now(); next += 1) voice.send(next);
          sent[group] = next;
          if (next < packets) earliestMs = Math.min(earliestMs, dueAtMs(group, next));
        }
        if (earliestMs === Number.POSITIVE_INFINITY) resolve();
        else setTimeout(look, Math.max(0, earliestMs - performance.now()));
      };
      look();
    });
  }
}

class GroupVoice implements FloorClientObserver {
  /** How long each delivery took, from the talker's write to the listener's read. */
  delaysMs: number[] = [];
  readonly #group: SeatedGroup;
  readonly #frame: FramePacket;
  #frames: readonly Buffer[] = [];
  #sentAtMs = new Float64Array(0);
  #streamId = 0;
  #firstNumber = 0;
  #nextNumber = 0;
  #missing = 0;
  #awaited: { readonly kind: MessageKind; readonly come: () => void; readonly failed: (error: Error) => void } | null =
    null;
  #heard = awaitable();

  constructor(group: SeatedGroup, frame: FramePacket) {
    this.#group = group;
    this.#frame = frame;
    group.talker.observer = this;
    for (const listener of group.listeners) listener.observer = this;
  }

  press(): Promise<void> {
    const granted = this.#await(MessageKind.granted);
    this.#group.talker.requestTalk();
    return granted;
  }

  release(): Promise<void> {
    const released = this.#await(MessageKind.released);
    this.#group.talker.releaseTalk();
    return released;
  }

  /** Makes the next packets, so that sending one is nothing but a write. */
  prepare(packets: number): void {
    this.#firstNumber = this.#nextNumber;
    this.#nextNumber += packets;
    this.#frames = Array.from({ length: packets }, (_, index) =>
      this.#frame(audioPacket(this.#streamId, this.#firstNumber + index)),
    );
    this.#sentAtMs = new Float64Array(packets);
    this.delaysMs = [];
    this.#missing = packets * this.#group.listeners.length;
    this.#heard = awaitable();
  }

  /** Resolves when every listener has every packet. */
  get heard(): Promise<void> {
    return this.#heard.promise;
  }

  send(index: number): void {
    const frame = this.#frames[index];
    if (frame === undefined) throw new RangeError(`packet ${index} was not prepared`);
    this.#sentAtMs[index] = performance.now();
    this.#group.talker.send(frame);
  }

  received(client: DrivenClient, kind: MessageKind): void {
    if (client !== this.#group.talker) return;
    if (kind === MessageKind.granted) {
      this.#streamId = Number(STREAM_FIELD.exec(client.text)?.[1]);
      this.#nextNumber = 0;
    }
    if (this.#awaited?.kind === kind) this.#awaited.come();
  }

  packet(bytes: Buffer, start: number): void {
    const sentAtMs = this.#sentAtMs[bytes.readUInt32BE(start + NUMBER_AT) - this.#firstNumber];
    if (sentAtMs === undefined || bytes.readUInt32BE(start + STREAM_AT) !== this.#streamId) return;
    this.delaysMs.push(performance.now() - sentAtMs);
    this.#missing -= 1;
    if (this.#missing === 0) this.#heard.resolve();
  }

  failed(_client: DrivenClient, reason: string): void {
    this.#awaited?.failed(new Error(reason));
    this.#heard.reject(new Error(reason));
  }

  #await(kind: MessageKind): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#awaited = { kind, come: resolve, failed: reject };
    });
  }
}

/** A failure that nobody waits for is none. */
function awaitable(): PromiseWithResolvers<void> {
  const waiting = Promise.withResolvers<void>();
  waiting.promise.catch(() => undefined);
  return waiting;
}

function audioPacket(streamId: number, number: number): Buffer {
  const packet = Buffer.alloc(HEADER_BYTES + OPUS_BYTES, 0x5c);
  packet.writeUInt8(AUDIO_MARK, 0);
  packet.writeUInt32BE(streamId, STREAM_AT);
  packet.writeUInt32BE(number, NUMBER_AT);
  return packet;
}
