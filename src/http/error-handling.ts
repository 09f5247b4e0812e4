import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { STATUS_CODES } from 'node:http';
import type { FastifyBaseLogger, FastifyRequest } from 'fastify';
import { v7 as uuidv7 } from 'uuid';
import { AppError, notFound } from '../errors.ts';
import { problemHeaders, problemOf, toAppError } from './problem.ts';
import { requestIdIn } from './request-id.ts';
import type { HttpServer } from './server.ts';

/** Every refusal leaves as a problem; what the application does not know is logged and becomes `internal`. */
export function handleErrors(server: HttpServer): void {
  server.setErrorHandler(async (thrown, request, reply) => {
    const error = toAppError(thrown, request.routeOptions);
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

type ClientFault = Error & { readonly code?: string; readonly rawPacket?: unknown };

/** RFC 9112, 3: a request line of HTTP/1, with any method. */
const requestLine = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP\/1\.[01]\r\n/;

/** For bytes that are not HTTP, or too slow, or with too many headers. */
export function answerClientError(thrown: ClientFault, socket: Socket): void {
  if (thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = requestIdIn(thrown.rawPacket) ?? uuidv7();
  const error = clientError(thrown);
  const body = JSON.stringify(problemOf(error, requestId));
  const headers = {
    ...problemHeaders(error),
    'x-request-id': requestId,
    'content-length': String(Buffer.byteLength(body)),
    connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status] ?? ''}\r\n${lines.join('')}\r\n${body}`);
}

function clientError({ code, rawPacket }: ClientFault): AppError {
  if (code === 'HPE_HEADER_OVERFLOW') return new AppError('headers_too_large', 'The headers are larger than 16 KiB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new AppError('request_timeout', 'The request did not arrive in time.');
  if (code === 'HPE_INVALID_METHOD' && Buffer.isBuffer(rawPacket) && requestLine.test(rawPacket.toString('latin1'))) {
    return notFound();
  }
  return new AppError('validation_failed', 'The request is not valid HTTP.');
}

function logFailure(log: Pick<FastifyBaseLogger, 'error' | 'warn'>, error: AppError): void {
  if (error.code === 'internal') log.error({ err: error.cause }, 'request failed');
  else if (error.status >= 500) log.warn({ err: error, dependency: error.dependency }, 'request refused');
}
