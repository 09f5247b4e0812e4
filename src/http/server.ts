import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { AppError, type ErrorCode } from '../errors.ts';
import type { Origin } from '../infra/change.ts';

/** The HTTP server as routes see it: validated and typed by zod. */
export type HttpServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  ZodTypeProvider
>;

/**
 * Who may use a route. `public`: anyone; `session`: a living session; `admin`: a session of an admin;
 * `own`: the handler checks by itself (a signature, a token of another kind).
 */
export type AccessRule = 'public' | 'session' | 'admin' | 'own';

/** The signed-in caller of a request. */
export interface Caller {
  readonly user: {
    readonly id: string;
    readonly username: string;
    readonly displayName: string;
    readonly role: 'admin' | 'user';
  };
  readonly session: {
    readonly id: string;
    readonly userId: string;
    readonly device: { readonly name: string; readonly kind: 'watch' | 'phone' | 'browser' | 'console' | 'other' };
    readonly createdAt: string;
    readonly lastSeenAt: string;
    readonly current: boolean;
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: AccessRule;
    /** Throws `too_many_requests`, or why that cannot be known, for a caller who may not even ask; not without limits. */
    checkRate?: (request: Pick<FastifyRequest, 'id' | 'ip'>) => Promise<void>;
    /** What this route refuses beyond what follows from its rules; for the API document. */
    refusals?: readonly ErrorCode[];
    /**
     * The query of this route is not looked at, whatever it holds: who asks does so for somebody else and may have to
     * pass on his. The one exception to the rule that what a route does not know is refused (docs/decisions/connect-gate.md).
     */
    ignoresQuery?: true;
  }
  interface FastifyRequest {
    caller: Caller | null;
  }
}

/** The caller of a route with access `session` or `admin`. */
export function callerOf(request: Pick<FastifyRequest, 'caller'>): Caller {
  if (request.caller === null) throw new AppError('token_missing', 'Send an access token: Authorization: Bearer …');
  return request.caller;
}

/** Where the changes of this request come from. */
export function originOf(request: Pick<FastifyRequest, 'caller' | 'id'>): Origin {
  const { caller } = request;
  return {
    actor: caller === null ? { type: 'anonymous' } : { type: 'user', userId: caller.user.id },
    requestId: request.id,
  };
}
