import type { AudioBus } from '../bus/index.ts';
import type { Connection } from '../gateway/index.ts';
import type { Media } from '../protocol/index.ts';
import { createRelayCounters, type FailureReason, type RelayCounters } from './counters.ts';
import { Elsewhere } from './elsewhere.ts';
import { Listeners } from './listeners.ts';
import { streamOf } from './packet.ts';
import { type GrantedTalk, Relay } from './relay.ts';
import { StallWatch } from './stall-watch.ts';
import type { TappedTalk } from './tap.ts';

/** What a connection that joined with audio is told of its media. */
export const relayMedia: Media = {
  kind: 'relay',
  codec: 'opus',
  sampleRateHz: 48_000,
  channels: 1,
  maxPacketBytes: 1_275,
};

/** Voice over the WebSocket, for one process: who talks into it, and who listens. */
export interface VoiceRelay {
  readonly counters: Readonly<RelayCounters>;
  /** As `Relay`. */
  begin(talk: GrantedTalk, isHere?: boolean): void;
  carries(talkId: string): boolean;
  end(talkId: string): void;
  /** As `Relay`, in this process. */
  hush(talkId: string, forMs: number): void;
  /** As `hush`, wherever the talk is carried. Resolves when all processes that listen to the bus are told. */
  hushEverywhere(groupId: string, talkId: string, forMs: number): Promise<void>;
  take(connection: Connection, packet: Buffer): string | null;
  /** Resolves when a group can be heard here, also from other processes. Rejects when the bus cannot be reached. */
  ready(groupId: string): Promise<void>;
  listen(groupId: string, connection: Connection): void;
  /** The connection hears the group no more; a talk of its own is let be. Safe to call when it never did. */
  stopListening(groupId: string, connection: Connection): void;
  /** The connection neither hears the group nor talks in it any more. Safe to call when it never did. */
  leave(groupId: string, connection: Connection): void;
  /** Another process says that it listens to the group now. */
  called(groupId: string): void;
  close(): void;
}

export interface VoiceRelayOptions {
  readonly bus: AudioBus;
  /** The talk cannot go on; the floor is to be told. */
  readonly onFailed: (talk: TappedTalk, reason: FailureReason) => void;
}

export function createVoiceRelay({ bus, onFailed }: VoiceRelayOptions): VoiceRelay {
  const counters = createRelayCounters();
  const nowMs = (): number => performance.now();
  const stalls = new StallWatch(nowMs);
  const listeners = new Listeners({
    bus,
    counters,
    onPacket: (groupId, packet) => {
      counters.received += 1;
      if (stalls.isBehind) counters.dropped.late += 1;
      else listeners.deliver(groupId, packet, relay.talkerOf(streamOf(packet)));
    },
  });
  const elsewhere = new Elsewhere({ bus, counters, nowMs });
  const relay = new Relay({
    nowMs,
    isBehind: () => stalls.isBehind,
    counters,
    sinks: [listeners, elsewhere],
    onFailed,
  });
  return {
    counters,
    begin: (talk, isHere) => relay.begin(talk, isHere),
    carries: (talkId) => relay.carries(talkId),
    end: (talkId) => relay.end(talkId),
    hush: (talkId, forMs) => relay.hush(talkId, forMs),
    hushEverywhere: async (groupId, talkId, forMs) => {
      relay.hush(talkId, forMs);
      await bus.hush(groupId, talkId, forMs);
    },
    take: (connection, packet) => relay.take(connection.id, packet),
    ready: (groupId) => listeners.ready(groupId),
    listen: (groupId, connection) => listeners.add(groupId, connection),
    stopListening: (groupId, connection) => listeners.remove(groupId, connection.id),
    leave: (groupId, connection) => {
      listeners.remove(groupId, connection.id);
      relay.away(groupId, connection.id);
    },
    called: (groupId) => elsewhere.called(groupId),
    close: () => {
      stalls.close();
      relay.close();
      listeners.close();
    },
  };
}
