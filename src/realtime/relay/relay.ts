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
  /** False while the talker has no socket in the group that sends audio. */
  isHere: boolean;
  /** Until then nothing passes. */
  hushedUntilMs: number;
}

export interface RelayOptions {
  /** Monotonic milliseconds, of the same clock as the leases. */
  readonly nowMs: () => number;
  /** Whether what is read now has waited for this process. */
  readonly isBehind: () => boolean;
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
  readonly #byStream = new Map<number, OpenTalk>();
  readonly #byTalk = new Map<string, OpenTalk>();
  /** There is one at a time; while one follows the other there may be two. */
  readonly #byGroup = new Map<string, Set<OpenTalk>>();

  constructor(options: RelayOptions) {
    this.#options = options;
  }

  /**
   * A talk was granted, or its talker is back on another socket: T1 starts, the limits go on. Or he has joined again on
   * the same one: T1 goes on too. `isHere` false: he is there without audio, and nothing passes until he joins with it.
   */
  begin(talk: GrantedTalk, isHere = true): void {
    const open = this.#byTalk.get(talk.talkId) ?? this.#add(talk);
    const isBack = open.talk.connectionId !== talk.connectionId || !open.silence.isOn;
    open.talk = talk;
    open.isHere = isHere;
    if (isBack) open.silence.start();
  }

  /**
   * Nothing of the talk passes for so many milliseconds; 0: it passes again. It counts as coming: T1 goes by it. Safe to
   * call for talks that are not carried here.
   */
  hush(talkId: string, forMs: number): void {
    const open = this.#byTalk.get(talkId);
    if (open !== undefined) open.hushedUntilMs = this.#options.nowMs() + forMs;
  }

  carries(talkId: string): boolean {
    return this.#byTalk.has(talkId);
  }

  /** The talker's connection is not in the group any more: nothing passes, and T1 stands still. */
  away(groupId: string, connectionId: string): void {
    for (const open of this.#byGroup.get(groupId) ?? []) {
      if (open.talk.connectionId !== connectionId) continue;
      open.isHere = false;
      open.silence.stop();
    }
  }

  /** Nothing more of the talk passes. Safe to repeat, and for talks that were never carried here. */
  end(talkId: string): void {
    const open = this.#byTalk.get(talkId);
    if (open === undefined) return;
    const { talk, silence } = open;
    silence.stop();
    this.#byTalk.delete(talkId);
    this.#byStream.delete(talk.streamId);
    const ofGroup = this.#byGroup.get(talk.groupId);
    ofGroup?.delete(open);
    if (ofGroup?.size === 0) this.#byGroup.delete(talk.groupId);
    for (const sink of this.#options.sinks) sink.ends?.(talk);
  }

  /** Who talks in this stream here; undefined when nobody does. */
  talkerOf(streamId: number): string | undefined {
    return this.#byStream.get(streamId)?.talk.connectionId;
  }

  /** Takes a binary message of a connection. Returns what is wrong with it when it is no packet, else null. */
  take(connectionId: string, packet: Buffer): string | null {
    const { counters, nowMs } = this.#options;
    const fault = packetFault(packet);
    if (fault !== null) {
      counters.malformed += 1;
      return fault;
    }
    const open = this.#byStream.get(streamOf(packet));
    if (open === undefined) counters.dropped.no_talk += 1;
    else if (open.talk.connectionId !== connectionId) counters.dropped.other_connection += 1;
    else if (!open.isHere) counters.dropped.no_talk += 1;
    else if (nowMs() >= open.talk.lease.leaseEndsAtMs) counters.dropped.lapsed += 1;
    else this.#pass(open, packet, nowMs());
    return null;
  }

  close(): void {
    for (const talkId of this.#byTalk.keys()) this.end(talkId);
  }

  #pass({ talk, guard, silence, hushedUntilMs }: OpenTalk, packet: Buffer, nowMs: number): void {
    const { counters, sinks, isBehind } = this.#options;
    silence.heard();
    if (isBehind() || nowMs < hushedUntilMs) {
      counters.dropped[isBehind() ? 'late' : 'hushed'] += 1;
      return;
    }
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
    const open = { talk, guard: new PacketGuard(), silence, isHere: true, hushedUntilMs: Number.NEGATIVE_INFINITY };
    this.#byTalk.set(talk.talkId, open);
    this.#byStream.set(talk.streamId, open);
    const ofGroup = this.#byGroup.get(talk.groupId) ?? new Set();
    this.#byGroup.set(talk.groupId, ofGroup.add(open));
    for (const sink of this.#options.sinks) sink.begins?.(talk);
    return open;
  }

  #fail(talk: TappedTalk, reason: FailureReason): void {
    this.#options.counters.ended[reason] += 1;
    this.end(talk.talkId);
    this.#options.onFailed(talk, reason);
  }
}
