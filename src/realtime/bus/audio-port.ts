import type { Unsubscribe } from './port.ts';

export interface AudioHandler {
  /** A packet of a talker of another process. It may be kept. */
  onPacket(packet: Buffer): void;
}

/**
 * Audio packets between processes. Nothing is numbered, repeated or queued: what cannot be sent now is lost. Packets of
 * one process come in the order in which it sent them.
 */
export interface AudioBus {
  /**
   * Sends a packet to the other processes that listen to the group. Resolves with their number. Rejects when the bus is
   * away, or has not taken what was sent before.
   */
  publish(groupId: string, packet: Buffer): Promise<number>;
  /** How many other processes listen to the group now. Rejects when the bus is away. */
  listeners(groupId: string): Promise<number>;
  /**
   * Resolves when the subscription stands; whoever has the group's channel is told that somebody listens now. Rejects
   * when the bus cannot be reached.
   */
  subscribe(groupId: string, handler: AudioHandler): Promise<Unsubscribe>;
  /**
   * Asks whoever carries a talk to let none of its packets pass for so many milliseconds; 0: to let them pass again.
   * Resolves when the bus has taken it, and rejects when it cannot.
   */
  hush(groupId: string, talkId: string, forMs: number): Promise<void>;
}

/** For a single process: there are no others. */
export function noOtherProcesses(): AudioBus {
  return {
    publish: async () => 0,
    listeners: async () => 0,
    subscribe: async () => () => undefined,
    hush: async () => undefined,
  };
}
