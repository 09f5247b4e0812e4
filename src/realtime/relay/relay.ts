import type { FailureReason, RelayCounters } from './counters.ts';
import { opusBytes, packetFault, streamOf } from './packet.ts';
import { PacketGuard } from './packet-guard.ts';
import { SilenceWatch } from './silence-watch.ts';
import type { AudioSink, TappedTalk } from './tap.ts';

/** Until when a talk may be carried without asking anybody, by the monotonic clock of this process. */
export interface TalkLease {
  readonly leaseEndsAtMs: number;
}

export interface GrantedTalk extends TappedTalk {
  readonly lease: TalkLease;
}

interface OpenTalk {
  talk: GrantedTalk;
  readonly guard: PacketGuard;
  readonly silence: SilenceWatch;
  /** False while the talker has no socket in the group. */
  isHere: boolean;
}

export interface RelayOptions {
  /** Monotonic milliseconds, of the same clock as the leases. */
  readonly nowMs: () => number;
  readonly counters: RelayCounters;
  readonly sinks: readonly AudioSink[];
  /** The talk cannot go on: nothing comes of its talker, or too much. It is forgotten here already. */
  readonly onFailed: (talk: TappedTalk, reason: FailureReason) => void;
}

/**
 * Carries the packets of talks, and nothing else: a packet passes when it is of the open talk of the connection that it
 * comes from. Source: protocol.md "Audio over the WebSocket".
 */
export class Relay {
  readonly #options: RelayOptions;
  /** By stream. */
  readonly #open = new Map<number, OpenTalk>();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /** A talk was granted, or its talker is back on another socket: T1 starts, the limits go on. */
  begin(talk: GrantedTalk): void {
    const open = this.#open.get(talk.streamId) ?? this.#add(talk);
    open.talk = talk;
    open.isHere = true;
    open.silence.start();
  }

  /** The talker's connection is not in the group any more: nothing passes, and T1 stands still. */
  away(groupId: string, connectionId: string): void {
    for (const open of this.#open.values()) {
      if (open.talk.groupId !== groupId || open.talk.connectionId !== connectionId) continue;
      open.isHere = false;
      open.silence.stop();
    }
  }

  /** Nothing more of the talk passes. Safe to repeat, and for talks that were never carried here. */
  end(talkId: string): void {
    for (const [streamId, { talk, silence }] of this.#open) {
      if (talk.talkId !== talkId) continue;
      silence.stop();
      this.#open.delete(streamId);
      for (const sink of this.#options.sinks) sink.ends?.(talk);
    }
  }

  /** Who talks in this stream here; undefined when nobody does. */
  talkerOf(streamId: number): string | undefined {
    return this.#open.get(streamId)?.talk.connectionId;
  }

  /** Takes a binary message of a connection. Returns what is wrong with it when it is no packet, else null. */
  take(connectionId: string, packet: Buffer): string | null {
    const { counters, nowMs } = this.#options;
    const fault = packetFault(packet);
    if (fault !== null) {
      counters.malformed += 1;
      return fault;
    }
    const open = this.#open.get(streamOf(packet));
    if (open === undefined) counters.dropped.no_talk += 1;
    else if (open.talk.connectionId !== connectionId) counters.dropped.other_connection += 1;
    else if (!open.isHere) counters.dropped.no_talk += 1;
    else if (nowMs() >= open.talk.lease.leaseEndsAtMs) counters.dropped.lapsed += 1;
    else this.#pass(open, packet, nowMs());
    return null;
  }

  close(): void {
    for (const { silence } of this.#open.values()) silence.stop();
    this.#open.clear();
  }

  #pass({ talk, guard, silence }: OpenTalk, packet: Buffer, nowMs: number): void {
    const { counters, sinks } = this.#options;
    silence.heard();
    const bytes = opusBytes(packet);
    const verdict = guard.take(bytes, nowMs);
    if (verdict !== 'accepted') {
      counters.dropped.too_much += 1;
      if (verdict === 'ended') this.#fail(talk, 'too_much');
      return;
    }
    counters.accepted += 1;
    counters.acceptedBytes += bytes;
    for (const sink of sinks) sink.packet(talk, packet);
  }

  #add(talk: GrantedTalk): OpenTalk {
    const silence = new SilenceWatch(this.#options.nowMs, () => this.#fail(talk, 'silence'));
    const open = { talk, guard: new PacketGuard(), silence, isHere: true };
    this.#open.set(talk.streamId, open);
    for (const sink of this.#options.sinks) sink.begins?.(talk);
    return open;
  }

  #fail(talk: TappedTalk, reason: FailureReason): void {
    this.#options.counters.ended[reason] += 1;
    this.end(talk.talkId);
    this.#options.onFailed(talk, reason);
  }
}
