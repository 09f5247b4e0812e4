import type { Metrics } from '../../infra/metrics.ts';
import type { RelayCounters } from './counters.ts';

/** Shows what the relay counts; a packet costs it no more than an addition. */
export function exportRelayMetrics(metrics: Metrics, counters: Readonly<RelayCounters>): void {
  exportCount(
    metrics,
    'neda_audio_packets_accepted_total',
    'Audio packets of talkers of this process',
    () => counters.accepted,
  );
  exportCount(metrics, 'neda_audio_bytes_accepted_total', 'Bytes of Opus in them', () => counters.acceptedBytes);
  exportCount(
    metrics,
    'neda_audio_packets_malformed_total',
    'Binary messages that are no audio packets',
    () => counters.malformed,
  );
  exportCount(
    metrics,
    'neda_audio_packets_delivered_total',
    'Audio packets written to sockets, once for each',
    () => counters.delivered,
  );
  exportCount(
    metrics,
    'neda_audio_packets_published_total',
    'Audio packets sent to other processes',
    () => counters.published,
  );
  exportCount(
    metrics,
    'neda_audio_packets_received_total',
    'Audio packets come from other processes',
    () => counters.received,
  );
  exportCounts(
    metrics,
    'neda_audio_packets_dropped_total',
    'Audio packets that were not passed on, by reason',
    counters.dropped,
  );
  exportCounts(metrics, 'neda_audio_talks_failed_total', 'Talks that the relay ended, by reason', counters.ended);
}

function exportCount(metrics: Metrics, name: string, help: string, count: () => number): void {
  metrics.counter(name, help, [], (counter) => {
    counter.reset();
    counter.inc(count());
  });
}

function exportCounts(metrics: Metrics, name: string, help: string, counts: Readonly<Record<string, number>>): void {
  metrics.counter(name, help, ['reason'], (counter) => {
    counter.reset();
    for (const [reason, count] of Object.entries(counts)) counter.inc({ reason }, count);
  });
}
