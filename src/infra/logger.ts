import { pino, type DestinationStream, type Logger } from 'pino';
import { logOutput } from './log-output.ts';

export type { Logger } from 'pino';

const CENSOR = '[secret]';
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
 * hold what people typed. Fields with a secret's name are cut out, two levels deep; of what a child logger always says,
 * one level.
 */
export function createLogger(
  options: { readonly name: string; readonly level: string },
  destination?: DestinationStream,
): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }), log: censorNested },
    redact: { paths: secretKeys, censor: CENSOR },
    serializers: { err: describeError },
  };
  return pino(settings, destination ?? logOutput);
}

/** Cuts secrets out of the objects in `fields`; what pino has for it (`*.password`) costs more than all else of a line. */
function censorNested(fields: Record<string, unknown>): Record<string, unknown> {
  let censored = fields;
  for (const name in fields) {
    const value = fields[name];
    if (typeof value !== 'object' || value === null || value instanceof Error) continue;
    const found = secretKeys.filter((key) => Object.hasOwn(value, key));
    if (found.length === 0) continue;
    const hidden = Object.fromEntries(found.map((key) => [key, CENSOR]));
    censored = { ...censored, [name]: { ...value, ...hidden } };
  }
  return censored;
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
