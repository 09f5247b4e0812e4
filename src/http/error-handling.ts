import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { AppError, notFound } from '../errors.ts';
import { problemHeaders, problemOf, toAppError } from './problem.ts';
import type { HttpServer } from './server.ts';

/** Every refusal leaves as a problem; what the application does not know is logged and becomes `internal`. */
export function handleErrors(server: HttpServer): void {
  server.setErrorHandler(async (thrown, request, reply) => {
    const error = toAppError(thrown);
    logFailure(request.log, error);
    return reply
      .code(error.status)
      .headers(problemHeaders(error))
      .serializer(JSON.stringify)
      .send(problemOf(error, request.id));
  });
  server.setNotFoundHandler(async () => {
    throw notFound();
  });
}

/** For what fails before routing, when no hook runs: a path that cannot be decoded. */
export function answerFrameworkError(
  thrown: unknown,
  request: Pick<FastifyRequest, 'id' | 'log'>,
  raw: ServerResponse,
): void {
  const error = toAppError(thrown);
  logFailure(request.log, error);
  raw.writeHead(error.status, { ...problemHeaders(error), 'x-request-id': request.id });
  raw.end(JSON.stringify(problemOf(error, request.id)));
}

/** For bytes that are not HTTP, or too slow, or with too many headers. */
export function answerClientError(thrown: Error & { readonly code?: string }, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = uuidv7();
  const error = new AppError('validation_failed', clientErrorDetail(thrown.code));
  const status = thrown.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : thrown.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400;
  const body = JSON.stringify({ ...problemOf(error, requestId), status });
  const headers = {
    ...problemHeaders(error),
    'x-request-id': requestId,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}

function clientErrorDetail(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW') return 'The headers are larger than 16 KiB.';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.';
  return 'The request is not valid HTTP.';
}

function logFailure(log: Pick<FastifyBaseLogger, 'error' | 'warn'>, error: AppError): void {
  if (error.code === 'internal') log.error({ err: error.cause }, 'request failed');
  else if (error.status >= 500) log.warn({ err: error, dependency: error.dependency }, 'request refused');
}
