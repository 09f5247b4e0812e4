import { expect, it } from 'vitest';
import { createMetrics } from '../../infra/metrics.ts';
import { countUp, createCounters } from './counters.ts';
import { exportGatewayMetrics } from './metrics.ts';

it('what the gateway counts is in the metrics, as it is when they are read', async () => {
  const metrics = createMetrics();
  const counters = createCounters();
  exportGatewayMetrics(metrics, counters);
  await metrics.render();
  counters.sockets.ready = 3;
  countUp(counters.messages, 'PING');
  countUp(counters.messages, 'PING');
  countUp(counters.ended, 'replaced');
  countUp(counters.errors, 'not_found');
  await metrics.render();
  const text = await metrics.render();
  expect(text).toContain('neda_sockets{state="ready"} 3');
  expect(text).toContain('neda_socket_messages_total{type="PING"} 2');
  expect(text).toContain('neda_socket_messages_total{type="unknown"} 0');
  expect(text).toContain('neda_sockets_ended_total{reason="replaced"} 1');
  expect(text).toContain('neda_socket_errors_total{code="not_found"} 1');
  metrics.dispose();
});
