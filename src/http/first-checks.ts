import type { FastifyRequest } from 'fastify';
import { AppError, invalidField, notFound } from '../errors.ts';
import type { HttpServer } from './server.ts';

const secretsInQueries = ['token', 'access_token', 'ticket'];

/**
 * What is refused before anybody asks who is calling: no `Host` (RFC 9112, 3.2), an expectation other than
 * `100-continue`, a secret in the query, and a path or method that is not there, whose body is not read.
 */
export function checkBeforeAccess(server: HttpServer): void {
  server.addHook('onRequest', async (request) => {
    checkHead(request);
    refuseSecretsInQuery(request);
    if (request.is404 || hasEmptySegment(request.params)) throw notFound();
  });
}

/** Broken percent-encoding in the query is one of the faults that are told after 401 and 403. */
export function checkAfterAccess(server: HttpServer): void {
  server.addHook('onRequest', async (request) => {
    try {
      decodeURIComponent(queryOf(request).replaceAll('+', ' '));
    } catch {
      throw invalidField('query', 'must be percent-encoded UTF-8');
    }
  });
}

function checkHead({ raw }: FastifyRequest): void {
  if (raw.httpVersion !== '1.1') return;
  if (raw.headers.host === undefined) throw invalidField('host', 'is missing: HTTP/1.1 asks for this header');
  const { expect } = raw.headers;
  if (expect !== undefined && !/(?:^|\W)100-continue(?:$|\W)/i.test(expect)) {
    throw new AppError('expectation_failed', 'Expect: only 100-continue can be met.');
  }
}

function refuseSecretsInQuery(request: FastifyRequest): void {
  for (const name of new URLSearchParams(queryOf(request)).keys()) {
    if (secretsInQueries.includes(name.toLowerCase())) {
      throw invalidField(name, 'must not stand in a query: send the token in the Authorization header');
    }
  }
}

/** The query as sent; none where nobody looks at it. */
function queryOf(request: FastifyRequest): string {
  if (request.routeOptions.config.ignoresQuery === true) return '';
  const url = request.raw.url ?? '';
  const start = url.indexOf('?');
  return start < 0 ? '' : url.slice(start + 1);
}

/** `/groups/` is not `/groups/:id` with an empty id. What a wildcard matched may be empty. */
function hasEmptySegment(params: unknown): boolean {
  if (typeof params !== 'object' || params === null) return false;
  return Object.entries(params).some(([name, value]) => name !== '*' && value === '');
}
