import type { Metrics } from '../../infra/metrics.ts';
import type { GatewayCounters } from './counters.ts';

/** Shows what the gateway counts; a message costs the gateway no more than an addition. */
export function exportGatewayMetrics(metrics: Metrics, counters: Readonly<GatewayCounters>): void {
  metrics.gauge('neda_sockets', 'Open sockets, before READY (waiting) and after it (ready)', ['state'], (gauge) => {
    gauge.set({ state: 'waiting' }, counters.sockets.waiting);
    gauge.set({ state: 'ready' }, counters.sockets.ready);
  });
  exportCounts(metrics, 'neda_socket_messages_total', 'Messages of clients by type', 'type', counters.messages);
  exportCounts(metrics, 'neda_socket_errors_total', 'Messages answered by ERROR, by code', 'code', counters.errors);
  exportCounts(metrics, 'neda_sockets_ended_total', 'Ended sockets by reason', 'reason', counters.ended);
}

function exportCounts(
  metrics: Metrics,
  name: string,
  help: string,
  label: string,
  counts: ReadonlyMap<string, number>,
): void {
  metrics.counter(name, help, [label], (counter) => {
    counter.reset();
    for (const [value, count] of counts) counter.inc({ [label]: value }, count);
  });
}
