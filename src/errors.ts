/**
 * The catalogue of everything that can be refused: each code with its HTTP status, its WebSocket error code and
 * whether the same request may succeed later. Source: the contract's "Statuses" and "Error codes".
 */
interface ErrorDefinition {
  readonly status: number;
  readonly title: string;
  /** May the same request succeed later, without being changed? */
  readonly retryable: boolean;
  /** The code in a WebSocket `ERROR` for the same refusal. */
  readonly wsCode: 'invalid_message' | 'not_found' | 'forbidden' | 'rate_limited' | 'unavailable' | 'internal';
}

export const errorCatalogue = {
  validation_failed: refusal(400, 'The request is not valid', 'invalid_message'),
  invalid_json: refusal(400, 'The body is not JSON', 'invalid_message'),
  token_missing: refusal(401, 'An access token is needed', 'forbidden'),
  token_expired: refusal(401, 'The token has expired', 'forbidden'),
  token_invalid: refusal(401, 'The token is not valid', 'forbidden'),
  token_wrong_type: refusal(401, 'The token is of another type', 'forbidden'),
  invalid_credentials: refusal(401, 'The credentials are not valid', 'forbidden'),
  refresh_reused: refusal(401, 'The refresh token was used before', 'forbidden'),
  forbidden: refusal(403, 'Not allowed', 'forbidden'),
  wrong_password: refusal(403, 'The current password is wrong', 'forbidden'),
  origin_not_allowed: refusal(403, 'The origin is not allowed', 'forbidden'),
  not_found: refusal(404, 'Not found', 'not_found'),
  request_timeout: delay(408, 'The request did not arrive in time', 'invalid_message'),
  already_exists: refusal(409, 'It exists already', 'forbidden'),
  last_admin: refusal(409, 'The last enabled admin must stay', 'forbidden'),
  manager_required: refusal(409, 'The group needs its manager', 'forbidden'),
  user_disabled: refusal(409, 'The user is disabled', 'forbidden'),
  body_too_large: refusal(413, 'The body is too large', 'invalid_message'),
  unsupported_media_type: refusal(415, 'The media type is not supported', 'invalid_message'),
  expectation_failed: refusal(417, 'The expectation cannot be met', 'invalid_message'),
  upgrade_required: refusal(426, 'A WebSocket upgrade is needed', 'invalid_message'),
  too_many_requests: delay(429, 'Too many requests', 'rate_limited'),
  headers_too_large: refusal(431, 'The headers are too large', 'invalid_message'),
  internal: delay(500, 'An error inside the server', 'internal'),
  dependency_unavailable: delay(503, 'Something the server depends on is unavailable', 'unavailable'),
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof errorCatalogue;

/** One fault of a request: `path` names the field (`device.kind`), `message` says what is allowed. */
export interface FieldError {
  readonly path: string;
  readonly message: string;
}

interface ErrorOptions {
  readonly errors?: readonly FieldError[];
  /** After how many milliseconds trying again makes sense; becomes `Retry-After`. */
  readonly retryAfterMs?: number;
  /** Which dependency is away: `postgres`, `redis`, `livekit`, … */
  readonly dependency?: string;
  readonly cause?: unknown;
}

/** A refusal that a client may see: `detail` reaches clients, so it never holds a secret or a vendor's message. */
export class AppError extends Error {
  readonly code: ErrorCode;
  readonly errors: readonly FieldError[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly dependency: string | undefined;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(detail, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.code = code;
    this.errors = options.errors;
    this.retryAfterMs = options.retryAfterMs;
    this.dependency = options.dependency;
  }

  get status(): number {
    return errorCatalogue[this.code].status;
  }

  get retryable(): boolean {
    return errorCatalogue[this.code].retryable;
  }
}

/** `validation_failed` about one field. */
export function invalidField(path: string, message: string): AppError {
  return new AppError('validation_failed', `${path}: ${message}`, { errors: [{ path, message }] });
}

/** The one answer for what does not exist and for what the caller may not know exists. */
export function notFound(): AppError {
  return new AppError('not_found', 'There is nothing here, or nothing that you may see.');
}

/** `dependency_unavailable` that names the dependency. */
export function dependencyUnavailable(dependency: string, cause?: unknown, retryAfterMs = 1_000): AppError {
  return new AppError('dependency_unavailable', `${dependency} cannot be reached at the moment.`, {
    dependency,
    retryAfterMs,
    cause,
  });
}

function refusal<W extends ErrorDefinition['wsCode']>(status: number, title: string, wsCode: W) {
  return { status, title, retryable: false, wsCode } as const;
}

function delay<W extends ErrorDefinition['wsCode']>(status: number, title: string, wsCode: W) {
  return { status, title, retryable: true, wsCode } as const;
}
