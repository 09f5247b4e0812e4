import type { RouteOptions } from 'fastify';

/**
 * A name for the operation of a route, for generated clients: its method and the words of its path, in the singular
 * before an id: `GET /api/v1/admin/users/:id` is `getAdminUser`.
 */
export function operationIdOf({ method, url }: Pick<RouteOptions, 'method' | 'url'>): string {
  const segments = url
    .replace(/^\/api\/v\d+/, '')
    .split('/')
    .slice(1);
  const words = segments.flatMap((segment, index) => {
    if (segment.startsWith(':')) return [];
    const isOfOne = segments[index + 1]?.startsWith(':') === true;
    return (isOfOne ? segment.replace(/s$/, '') : segment).split(/[^A-Za-z0-9]+/);
  });
  return [String(method).toLowerCase(), ...words.map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))].join(
    '',
  );
}

/** Who has to sign in for a route, from its access rule. What checks by itself says so itself. */
export function securityOf({ config }: Pick<RouteOptions, 'config'>): { readonly session?: string[] }[] {
  return config?.access === 'session' || config?.access === 'admin' ? [{ session: [] }] : [];
}
