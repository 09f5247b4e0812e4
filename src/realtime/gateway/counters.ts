import { clientMessages, type CloseReason } from '../protocol/index.ts';

/** Why a socket ended, as counted: the server's reasons, and the ends that the server did not choose. */
export type EndLabel = CloseReason | 'peer' | 'bad_frame';

/** What the gateway counts, as plain numbers: reading them is the business of whoever exports metrics. */
export interface GatewayCounters {
  /** Sockets that are open now, before READY and after it. */
  readonly sockets: { waiting: number; ready: number };
  /** Messages by type, HELLO once it led to READY; `unknown` for all that have none of the known types. */
  readonly messages: Map<string, number>;
  /** Ended sockets by reason. */
  readonly ended: Map<EndLabel, number>;
  /** Messages answered by `ERROR`, by code. */
  readonly errors: Map<string, number>;
}

export function createCounters(): GatewayCounters {
  return {
    sockets: { waiting: 0, ready: 0 },
    messages: new Map([...Object.keys(clientMessages), 'unknown'].map((type) => [type, 0])),
    ended: new Map(),
    errors: new Map(),
  };
}

export function countUp<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
