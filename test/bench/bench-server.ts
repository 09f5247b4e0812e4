import type { GroupSeats } from './generator-messages.ts';

/** A server under measurement, in one process or two, that answers the contract's messages at `/ws`. */
export interface BenchServer {
  readonly host: string;
  /** Where talkers connect. */
  readonly port: number;
  /** Where listeners do: the same, or that of the second process. */
  readonly listenersPort: number;
  readonly pids: readonly number[];
  /** Of a packet of voice: a WebSocket message, or bytes that are forwarded as they come. */
  readonly packets: 'websocket' | 'raw';
  /** Makes groups with a token for each seat; no seat is given out twice at a time. May be called once a workload. */
  seatGroups(groups: number, seatsPerGroup: number): Promise<GroupSeats[]>;
  stop(): Promise<void>;
}
