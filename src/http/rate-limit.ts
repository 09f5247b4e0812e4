import rateLimit from '@fastify/rate-limit';
import type { FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import { addressKey } from '../infra/address-key.ts';
import type { HttpServer } from './server.ts';

const requestsPerMinute = 1_200;
const addressesAtMost = 20_000;

/**
 * Asked by the operator's own machines. The gate is asked about joins of many devices, perhaps all behind one address,
 * which must not use up what that address may ask for besides; it counts by session itself. The webhook is posted to by
 * the media server, for every join and track of everybody; who has not its key is refused before his body is read.
 */
const uncounted: ReadonlySet<string> = new Set(['/livez', '/readyz', '/api/v1/media/gate', '/api/v1/media/webhook']);

/**
 * 1200 requests a minute and address, and what a route counts besides (`checkRate`), before anything else is looked at.
 * Source: the contract's "Limits" and "Order of checks".
 */
export async function limitRequests(server: HttpServer): Promise<void> {
  await server.register(rateLimit, {
    global: false,
    max: requestsPerMinute,
    timeWindow: 60_000,
    cache: addressesAtMost,
    keyGenerator: (request: FastifyRequest) => addressKey(request.ip),
    allowList: ({ routeOptions }: FastifyRequest) => uncounted.has(routeOptions.url ?? ''),
    errorResponseBuilder: (_request, context) =>
      new AppError('too_many_requests', `More than ${context.max} requests a minute from this address.`, {
        retryAfterMs: context.ttl,
      }),
  });
  // As a hook of the whole server it runs before all other checks, and for unknown paths too.
  server.addHook('onRequest', server.rateLimit());
  server.addHook('onRequest', async (request) => request.routeOptions.config.checkRate?.(request));
}
