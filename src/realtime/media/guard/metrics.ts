import type { Metrics } from '../../../infra/metrics.ts';
import type { GuardCounters } from './counters.ts';

/** Shows what the guard of the media server's rooms counts. */
export function exportGuardMetrics(metrics: Metrics, { findings, webhooks }: GuardCounters): void {
  exportCounts(
    metrics,
    {
      name: 'neda_media_findings_total',
      help: 'What was not as the floor says in rooms of the media server, and was put right',
      label: 'kind',
    },
    findings,
  );
  exportCounts(
    metrics,
    {
      name: 'neda_media_webhooks_total',
      help: 'Events that the media server posted, by what became of them',
      label: 'outcome',
    },
    webhooks,
  );
}

function exportCounts(
  metrics: Metrics,
  about: { readonly name: string; readonly help: string; readonly label: string },
  counts: Readonly<Record<string, number>>,
): void {
  metrics.counter(about.name, about.help, [about.label], (counter) => {
    counter.reset();
    for (const [value, count] of Object.entries(counts)) counter.inc({ [about.label]: value }, count);
  });
}
