import { pino, type DestinationStream, type Logger } from 'pino';

export type { Logger } from 'pino';

const secretKeys = [
  'password',
  'currentPassword',
  'newPassword',
  'token',
  'accessToken',
  'refreshToken',
  'secret',
  'authorization',
  'ticket',
];

/**
 * One JSON object a line. An error is logged by name, code and stack: the messages and parameters of drivers can
 * hold what people typed. Fields with a secret's name are cut out, two levels deep.
 */
export function createLogger(
  options: { readonly name: string; readonly level: string },
  destination?: DestinationStream,
): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: secretKeys.flatMap((key) => [key, `*.${key}`]), censor: '[secret]' },
    serializers: { err: describeError },
  };
  return destination ? pino(settings, destination) : pino(settings);
}

interface ErrorDescription {
  readonly type: string;
  readonly code?: string;
  readonly message?: string;
  readonly at?: string;
  readonly cause?: ErrorDescription;
}

/** What a log may hold of an error: never a query, its parameters or a driver's detail line. */
function describeError(error: unknown): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error };
  const frames = error.stack?.split('\n').filter((line) => line.trimStart().startsWith('at '));
  const isQueryError = 'query' in error || 'parameters' in error;
  return {
    type: error.name,
    ...('code' in error && typeof error.code === 'string' ? { code: error.code } : {}),
    ...(isQueryError ? {} : { message: error.message }),
    ...(frames && frames.length > 0 ? { at: frames.slice(0, 8).join(' ').replace(/\s+/g, ' ').trim() } : {}),
    ...(error.cause instanceof Error ? { cause: describeError(error.cause) } : {}),
  };
}
