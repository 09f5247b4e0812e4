import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { AccessRule, Caller, HttpServer } from './server.ts';

type Authenticate = (
  accessToken: string,
  options: { readonly isFresh: boolean },
) => Promise<({ readonly ok: true } & Caller) | { readonly ok: false; readonly reason: string }>;

const rules: ReadonlySet<unknown> = new Set<AccessRule>(['public', 'session', 'admin', 'own']);

/**
 * Deny by default: a route that declares no access rule stops the start. To be called first of all, as only routes
 * registered later are seen.
 */
export function demandAccessRules(server: HttpServer): void {
  const undeclared: Array<{ readonly name: string; readonly isDeclared: () => boolean }> = [];

  server.addHook('onRoute', (route) => {
    if (route.method === 'OPTIONS' && route.url === '*') route.config = { ...route.config, access: 'public' };
    const methods = Array.isArray(route.method) ? route.method.join(',') : route.method;
    undeclared.push({ name: `${methods} ${route.url}`, isDeclared: () => rules.has(route.config?.access) });
  });
  server.addHook('onReady', async () => {
    const open = undeclared.filter((route) => !route.isDeclared()).map((route) => route.name);
    if (open.length > 0) throw new Error(`routes without an access rule: ${open.join('; ')}`);
  });
}

/**
 * Enforces the rules `session` and `admin`, before a body is read. `onForbidden` hears of callers whose role does not
 * allow what they ask for.
 */
export function guardAccess(
  server: HttpServer,
  authenticate: Authenticate,
  onForbidden: (request: FastifyRequest) => void = () => undefined,
): void {
  server.decorateRequest('caller', null);
  server.addHook('onRequest', async (request: FastifyRequest, _reply: FastifyReply) => {
    const access = request.routeOptions.config.access;
    if (access !== 'session' && access !== 'admin') return;
    const authentication = await authenticate(bearerToken(request.headers.authorization), { isFresh: true });
    if (!authentication.ok) throw refusalOf(authentication.reason);
    request.caller = { user: authentication.user, session: authentication.session };
    if (access === 'admin' && authentication.user.role !== 'admin') {
      onForbidden(request);
      throw new AppError('forbidden', 'Only admins may do this.');
    }
  });
}

/** The token of `Authorization: Bearer <token>`. Throws `token_missing`. */
function bearerToken(header: string | undefined): string {
  const match = /^bearer +([^\s]+) *$/i.exec(header ?? '');
  if (match?.[1] === undefined) {
    throw new AppError('token_missing', 'Send an access token: Authorization: Bearer <accessToken>.');
  }
  return match[1];
}

function refusalOf(reason: string): AppError {
  switch (reason) {
    case 'token_expired':
      return new AppError('token_expired', 'The access token has expired: refresh it.');
    case 'token_wrong_type':
      return new AppError('token_wrong_type', 'This is not an access token.');
    default:
      return new AppError('token_invalid', 'The access token is not valid, or its session has ended.');
  }
}
