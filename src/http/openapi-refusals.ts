import type { RouteOptions } from 'fastify';
import { AppError, dependencyUnavailable, errorCatalogue, invalidField, notFound, type ErrorCode } from '../errors.ts';
import type { Problem } from './contract.ts';
import { problemOf } from './problem.ts';

type Route = Pick<RouteOptions, 'method' | 'url' | 'config'>;
type Refusals = Record<string, { readonly description: string; readonly content: object }>;

/** What may be refused to every request, before any route is asked. */
const everywhere: readonly ErrorCode[] = [
  'validation_failed',
  'request_timeout',
  'expectation_failed',
  'headers_too_large',
];

/** How a route may refuse, by status: what follows from its rules, and what it says of itself. */
export function refusalsOf(route: Route): Refusals {
  const byStatus = new Map<number, Set<ErrorCode>>();
  for (const code of codesOf(route)) {
    const { status } = errorCatalogue[code];
    byStatus.set(status, (byStatus.get(status) ?? new Set()).add(code));
  }
  const refusals: Refusals = {};
  for (const [status, codes] of byStatus) {
    refusals[status] = {
      description: [...codes].map((code) => `\`${code}\``).join(', '),
      content: {
        'application/problem+json': {
          schema: { $ref: '#/components/schemas/Problem' },
          examples: Object.fromEntries([...codes].map((code) => [code, { $ref: `#/components/examples/${code}` }])),
        },
      },
    };
  }
  return refusals;
}

function codesOf({ method, url, config }: Route): ErrorCode[] {
  const codes: ErrorCode[] = [...everywhere, ...(config?.refusals ?? [])];
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

/** One example of each refusal in the catalogue, as components of the document. */
export function refusalExamples(): Record<string, { readonly summary: string; readonly value: Problem }> {
  const telling: Partial<Record<ErrorCode, AppError>> = {
    validation_failed: invalidField('limit', 'must be a whole number from 1 to 100'),
    not_found: notFound(),
    dependency_unavailable: dependencyUnavailable('postgres'),
  };
  return Object.fromEntries(
    codesOfCatalogue().map((code) => {
      const { title } = errorCatalogue[code];
      const error = telling[code] ?? new AppError(code, `${title}.`);
      return [code, { summary: title, value: problemOf(error, '01890a61-4f3b-7e20-8d5a-0c2b91f7a6e4') }];
    }),
  );
}

function codesOfCatalogue(): ErrorCode[] {
  return Object.keys(errorCatalogue).filter((code): code is ErrorCode => code in errorCatalogue);
}
