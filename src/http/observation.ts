import type { Metrics } from '../infra/metrics.ts';
import type { HttpServer } from './server.ts';

const secondsBuckets = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Echoes the request id, and gives every answer one log line (route, never path or query) and one measurement. */
export function observeRequests(server: HttpServer, metrics: Metrics): void {
  const durations = metrics.histogram(
    'neda_http_request_duration_seconds',
    'Time from the first byte of a request to the end of its answer',
    ['method', 'route', 'status'],
    secondsBuckets,
  );
  server.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  server.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const { method } = request;
    const durationMs = Math.round(reply.elapsedTime * 10) / 10;
    durations.observe({ method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    const level = route === '/livez' || route === '/readyz' || route === '/metrics' ? 'debug' : 'info';
    request.log[level]({ method, route, status: reply.statusCode, durationMs }, 'answered');
  });
}
