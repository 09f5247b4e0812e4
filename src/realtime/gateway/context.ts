import { AddressQuota } from './address-quota.ts';
import { createAuthenticateModule } from './authenticate.ts';
import { createCounters, type GatewayCounters } from './counters.ts';
import { createDispatchTable, type DispatchTable } from './dispatch-table.ts';
import type { GatewaySocket } from './gateway-socket.ts';
import type { Handshake } from './handshake.ts';
import { helloModule, pingModule } from './own-modules.ts';
import { defaultTiming, gatewayLimits, type GatewayPorts, type GatewayTiming } from './ports.ts';
import { RecentChanges } from './recent-changes.ts';
import { Registry } from './registry.ts';
import { renewClaim } from './session-claiming.ts';
import { TickWriter } from './tick-writer.ts';
import { TimerWheel } from './timer-wheel.ts';

/** What the parts of one gateway share. */
export interface GatewayContext {
  readonly ports: GatewayPorts;
  readonly timing: GatewayTiming;
  readonly counters: GatewayCounters;
  readonly dispatch: DispatchTable;
  readonly registry: Registry;
  readonly recent: RecentChanges;
  readonly wheel: TimerWheel;
  readonly writer: TickWriter;
  readonly waitingByAddress: AddressQuota;
  /** Every socket whose TCP connection is not over yet. */
  readonly sockets: Set<GatewaySocket>;
  readonly handshakes: Set<Handshake>;
  /** No new sockets any more. */
  stopping: boolean;
}

export function createContext(ports: GatewayPorts): GatewayContext {
  const monotonicMs = (): number => ports.clock.monotonicMs();
  const context: GatewayContext = {
    ports,
    timing: { ...defaultTiming, ...ports.timing },
    counters: createCounters(),
    dispatch: createDispatchTable([
      helloModule,
      pingModule,
      createAuthenticateModule(
        ports,
        (id) => context.registry.get(id),
        (connection) => renewClaim(context, connection),
      ),
      ...ports.modules,
    ]),
    registry: new Registry(),
    recent: new RecentChanges(monotonicMs),
    wheel: new TimerWheel(monotonicMs),
    writer: new TickWriter(),
    waitingByAddress: new AddressQuota(ports.rateLimits ? gatewayLimits.waitingSocketsPerAddress : Infinity),
    sockets: new Set(),
    handshakes: new Set(),
    stopping: false,
  };
  return context;
}
