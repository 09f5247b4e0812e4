import type { CloseReason } from '../protocol/index.ts';
import type { AddressQuota } from './address-quota.ts';
import type { GatewayCounters } from './counters.ts';
import type { DispatchTable } from './dispatch-table.ts';
import type { GatewaySocket } from './gateway-socket.ts';
import type { HelloOrder } from './hello-order.ts';
import type { GatewayPorts, GatewayTiming } from './ports.ts';
import type { KnownMemberships } from './known-memberships.ts';
import type { RecentChanges } from './recent-changes.ts';
import type { Registry } from './registry.ts';
import type { TickWriter } from './tick-writer.ts';
import type { TimerWheel } from './timer-wheel.ts';

/** What the parts of one gateway share. */
export interface GatewayContext {
  readonly ports: GatewayPorts;
  readonly timing: GatewayTiming;
  readonly counters: GatewayCounters;
  readonly dispatch: DispatchTable;
  readonly registry: Registry;
  readonly recent: RecentChanges;
  readonly hellos: HelloOrder;
  readonly known: KnownMemberships;
  readonly wheel: TimerWheel;
  readonly writer: TickWriter;
  readonly waitingByAddress: AddressQuota;
  /** Every socket whose TCP connection is not over yet. */
  readonly sockets: Set<GatewaySocket>;
  /** Sockets before READY. */
  readonly handshakes: Set<{ close(reason: CloseReason): void }>;
  /** No new sockets any more. */
  stopping: boolean;
}
