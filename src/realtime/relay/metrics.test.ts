import { expect, it } from 'vitest';
import { createMetrics } from '../../infra/metrics.ts';
import { createRelayCounters } from './counters.ts';
import { exportRelayMetrics } from './metrics.ts';

it('shows every count as it is when it is read', async () => {
  const metrics = createMetrics();
  const counters = createRelayCounters();
  exportRelayMetrics(metrics, counters);
  Object.assign(counters, { accepted: 1, acceptedBytes: 2, malformed: 3, delivered: 4, published: 5, received: 6 });
  counters.dropped.slow_listener = 7;
  counters.ended.silence = 8;
  await metrics.render();
  const text = await metrics.render();
  for (const line of [
    'neda_audio_packets_accepted_total 1',
    'neda_audio_bytes_accepted_total 2',
    'neda_audio_packets_malformed_total 3',
    'neda_audio_packets_delivered_total 4',
    'neda_audio_packets_published_total 5',
    'neda_audio_packets_received_total 6',
    'neda_audio_packets_dropped_total{reason="slow_listener"} 7',
    'neda_audio_packets_dropped_total{reason="bus_away"} 0',
    'neda_audio_talks_failed_total{reason="silence"} 8',
    'neda_audio_talks_failed_total{reason="too_much"} 0',
  ]) {
    expect(text).toContain(`${line}\n`);
  }
  metrics.dispose();
});
