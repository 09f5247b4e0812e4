import type { RouteOptions } from 'fastify';
import { errorCatalogue, type ErrorCode } from '../errors.ts';

type Refusals = Record<string, { readonly description: string; readonly content: object }>;

const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };

/** How a route may refuse, by status: what follows from its rules, and what it says of itself. */
export function refusalsOf(route: Pick<RouteOptions, 'method' | 'url' | 'config'>): Refusals {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of codesOf(route)) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const refusals: Refusals = { default: { description: 'A refusal (RFC 9457)', content } };
  for (const [status, codes] of byStatus) {
    refusals[status] = { description: [...codes].map((code) => `\`${code}\``).join(', '), content };
  }
  return refusals;
}

function codesOf({ method, url, config }: Pick<RouteOptions, 'method' | 'url' | 'config'>): ErrorCode[] {
  const codes: ErrorCode[] = ['validation_failed', ...(config?.refusals ?? [])];
  if (config?.access === 'session' || config?.access === 'admin') {
    codes.push('token_missing', 'token_expired', 'token_invalid', 'token_wrong_type');
  }
  if (config?.access === 'admin') codes.push('forbidden');
  if (url.includes('/:')) codes.push('not_found');
  if (method !== 'GET') codes.push('invalid_json', 'body_too_large', 'unsupported_media_type');
  if (url !== '/livez' && url !== '/readyz') codes.push('too_many_requests');
  if (url.startsWith('/api/')) codes.push('dependency_unavailable');
  return codes;
}
