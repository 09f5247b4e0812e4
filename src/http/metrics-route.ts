import { createHash, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { notFound } from '../errors.ts';
import type { Metrics } from '../infra/metrics.ts';
import { noQuery } from './contract.ts';
import type { HttpServer } from './server.ts';

const text = z
  .string()
  .meta({ examples: ['# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.25\n'] });

/** `/metrics` for Prometheus. With `isGuarded` it asks for `Bearer token` and is otherwise not there. */
export function registerMetricsRoute(
  server: HttpServer,
  options: { readonly metrics: Metrics; readonly isGuarded: boolean; readonly token: string | null },
): void {
  server.get(
    '/metrics',
    {
      config: { access: 'own', refusals: ['not_found'] },
      schema: {
        tags: ['operations'],
        summary: 'Measurements for Prometheus; in production for the holder of METRICS_TOKEN only',
        security: [{}, { metrics: [] }],
        querystring: noQuery,
        response: {
          200: { description: 'The text format of Prometheus', content: { 'text/plain': { schema: text } } },
        },
      },
      // Before the query is looked at: who has no token is not told that the path is there.
      onRequest: async (request) => {
        if (options.isGuarded && !isEqual(request.headers.authorization ?? '', options.token)) throw notFound();
      },
    },
    async (_request, reply) => reply.type(options.metrics.contentType).send(await options.metrics.render()),
  );
}

function isEqual(header: string, token: string | null): boolean {
  if (token === null) return false;
  const given = createHash('sha256').update(header).digest();
  return timingSafeEqual(given, createHash('sha256').update(`Bearer ${token}`).digest());
}
