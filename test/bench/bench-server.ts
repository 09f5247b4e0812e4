import type { GroupSeats } from './generator-messages.ts';

/** A server under measurement: a process that answers the contract's messages at `/ws`. */
export interface BenchServer {
  readonly host: string;
  readonly port: number;
  readonly pid: number;
  /** Makes groups with a token for each seat; no seat is given out twice at a time. May be called once a workload. */
  seatGroups(groups: number, seatsPerGroup: number): Promise<GroupSeats[]>;
  stop(): Promise<void>;
}
