import { AppError, errorCatalogue, type ErrorCode } from '../errors.ts';
import type { Problem } from './contract.ts';

const problemMediaType = 'application/problem+json';

/** RFC 9457 body of a refusal. */
export function problemOf(error: AppError, requestId: string): Problem {
  const { status, title } = errorCatalogue[error.code];
  return {
    type: `urn:neda:error:${error.code}`,
    title,
    status,
    code: error.code,
    detail: error.message,
    ...(error.errors === undefined ? {} : { errors: error.errors.map((fault) => ({ ...fault })) }),
    ...(error.dependency === undefined ? {} : { dependency: error.dependency }),
    requestId,
  };
}

/** The headers that belong to a refusal. */
export function problemHeaders(error: AppError): Record<string, string> {
  const waitSeconds = error.retryAfterMs === undefined ? undefined : Math.max(1, Math.ceil(error.retryAfterMs / 1_000));
  return {
    'content-type': problemMediaType,
    'cache-control': 'no-store',
    ...(waitSeconds === undefined ? {} : { 'retry-after': String(waitSeconds) }),
    ...(error.status === 401 ? { 'www-authenticate': 'Bearer' } : {}),
  };
}

/** What bodies a route takes: at most how many bytes, and of which media types, if of others than JSON. */
interface RouteTakes {
  readonly bodyLimit?: number;
  readonly schema?: { readonly consumes?: readonly string[] };
}

const frameworkCodes: Readonly<Record<string, readonly [ErrorCode, string | ((takes: RouteTakes) => string)]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: ['body_too_large', tooLarge],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported_media_type', otherType],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['validation_failed', 'Content-Length and the body differ.'],
  FST_ERR_BAD_URL: ['validation_failed', 'The path is not valid: check its percent-encoding.'],
  FST_ERR_ASYNC_CONSTRAINT: ['validation_failed', 'The request is not valid.'],
  FST_ERR_HANDLER_TIMEOUT: ['dependency_unavailable', 'The request took too long.'],
};

/**
 * Whatever was thrown, as something that a client may see. What the application does not know becomes `internal`,
 * without a word of its message. `takes` is of the route, when there is one.
 */
export function toAppError(error: unknown, takes: RouteTakes = {}): AppError {
  if (error instanceof AppError) return error;
  const known = frameworkCodes[codeOf(error)];
  if (known !== undefined) {
    const [code, detail] = known;
    return new AppError(code, typeof detail === 'string' ? detail : detail(takes), { cause: error });
  }
  const status = statusOf(error);
  if (status === 413) return new AppError('body_too_large', tooLarge(takes), { cause: error });
  if (status >= 400 && status < 500)
    return new AppError('validation_failed', 'The request is not valid.', { cause: error });
  return new AppError('internal', 'Something went wrong inside the server. The request id leads to its log.', {
    cause: error,
  });
}

function tooLarge({ bodyLimit }: RouteTakes): string {
  return bodyLimit === undefined ? 'The body is too large.' : `The body may have at most ${bodyLimit} bytes.`;
}

function otherType({ schema }: RouteTakes): string {
  return `Send the body as ${(schema?.consumes ?? ['application/json']).join(' or ')}.`;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

function statusOf(error: unknown): number {
  return error instanceof Error && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : 500;
}
