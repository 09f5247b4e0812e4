import { AddressQuota } from './address-quota.ts';
import { createAuthenticateModule } from './authenticate.ts';
import type { GatewayContext } from './context.ts';
import { createCounters } from './counters.ts';
import { createDispatchTable } from './dispatch-table.ts';
import { HelloOrder } from './hello-order.ts';
import { KnownMemberships } from './known-memberships.ts';
import { helloModule, pingModule } from './own-modules.ts';
import { defaultTiming, gatewayLimits, type GatewayPorts } from './ports.ts';
import { RecentChanges } from './recent-changes.ts';
import { Registry } from './registry.ts';
import { renewClaim } from './session-claiming.ts';
import { TickWriter } from './tick-writer.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Throws when a client message has no handler, or two. */
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
    hellos: new HelloOrder(),
    known: new KnownMemberships(monotonicMs),
    wheel: new TimerWheel(monotonicMs),
    writer: new TickWriter(),
    waitingByAddress: new AddressQuota(ports.rateLimits ? gatewayLimits.waitingSocketsPerAddress : Infinity),
    sockets: new Set(),
    handshakes: new Set(),
    stopping: false,
  };
  return context;
}
