import { AppError, errorCatalogue } from '../../errors.ts';
import type { ServerMessageOf, SocketErrorCode } from '../protocol/index.ts';

/** A refusal of one message; `detail` reaches the client. */
export class MessageRefused extends Error {
  override readonly name = 'MessageRefused';
  readonly code: SocketErrorCode;
  /** After how many milliseconds asking again makes sense. */
  readonly retryAfterMs: number | undefined;

  constructor(code: SocketErrorCode, detail: string, retryAfterMs?: number) {
    super(detail);
    this.code = code;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The one place where what a handler throws becomes an `ERROR`; null for what no client may see. */
export function refusalOf(error: unknown): MessageRefused | null {
  if (error instanceof MessageRefused) return error;
  if (error instanceof AppError && error.code !== 'internal') {
    return new MessageRefused(errorCatalogue[error.code].wsCode, error.message, error.retryAfterMs);
  }
  return null;
}

/** `re` is null when the message had no good id. */
export function errorMessage(re: string | null, refusal: MessageRefused): ServerMessageOf<'ERROR'> {
  return {
    type: 'ERROR',
    ...(re === null ? {} : { re }),
    code: refusal.code,
    message: refusal.message,
    ...(refusal.retryAfterMs === undefined ? {} : { retryAfterMs: refusal.retryAfterMs }),
  };
}
