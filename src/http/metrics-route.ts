import { createHash, timingSafeEqual } from 'node:crypto';
import { notFound } from '../errors.ts';
import type { Metrics } from '../infra/metrics.ts';
import { noQuery } from './contract.ts';
import type { HttpServer } from './server.ts';

/** `/metrics` for Prometheus. With `isGuarded` it asks for `Bearer token` and is otherwise not there. */
export function registerMetricsRoute(
  server: HttpServer,
  options: { readonly metrics: Metrics; readonly isGuarded: boolean; readonly token: string | null },
): void {
  server.get(
    '/metrics',
    {
      config: { access: 'own' },
      schema: { hide: true, querystring: noQuery },
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
