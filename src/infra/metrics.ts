import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

/** The process's Prometheus metrics. Names of our own begin with `neda_`; labels have few values, never an id. */
export interface Metrics {
  /** `collect` sets the value (reset, then inc) when metrics are read; without it the owner counts up. */
  counter(name: string, help: string, labelNames?: readonly string[], collect?: (counter: Counter) => void): Counter;
  /** `collect` sets the value when metrics are read; without it the owner sets it. */
  gauge(name: string, help: string, labelNames?: readonly string[], collect?: (gauge: Gauge) => void): Gauge;
  /** `buckets` are upper bounds in seconds. */
  histogram(name: string, help: string, labelNames: readonly string[], buckets: readonly number[]): Histogram;
  /** The text of the Prometheus exposition format. */
  render(): Promise<string>;
  readonly contentType: string;
  dispose(): void;
}

/** A registry of its own: several containers may live in one process. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    counter: (name, help, labelNames = [], collect) =>
      new Counter({
        name,
        help,
        labelNames: [...labelNames],
        registers,
        ...(collect
          ? {
              collect(this: Counter) {
                collect(this);
              },
            }
          : {}),
      }),
    gauge: (name, help, labelNames = [], collect) =>
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers,
        ...(collect
          ? {
              collect(this: Gauge) {
                collect(this);
              },
            }
          : {}),
      }),
    histogram: (name, help, labelNames, buckets) =>
      new Histogram({ name, help, labelNames: [...labelNames], buckets: [...buckets], registers }),
    render: () => registry.metrics(),
    contentType: registry.contentType,
    dispose: () => registry.clear(),
  };
}
