import cors from '@fastify/cors';
import type { FastifyCorsOptions } from '@fastify/cors';
import type { FastifyRequest } from 'fastify';
import type { HttpServer } from './server.ts';

/** Browsers of the allowed origins may use the API; to others nothing is said. No cookies are involved. */
export async function allowOrigins(server: HttpServer, allowedOrigins: readonly string[]): Promise<void> {
  const shared: FastifyCorsOptions = {
    origin: [...allowedOrigins],
    methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'],
    exposedHeaders: ['x-request-id', 'retry-after'],
    maxAge: 600,
  };
  await server.register(cors, () => async (request: FastifyRequest) => ({
    ...shared,
    preflight: isPreflight(request),
  }));
}

/** An OPTIONS without the headers of a preflight is a method that no route has. */
function isPreflight(request: FastifyRequest): boolean {
  return request.headers.origin !== undefined && request.headers['access-control-request-method'] !== undefined;
}
