import { drizzle } from 'drizzle-orm/postgres-js';
import type { PgDatabase } from 'drizzle-orm/pg-core';
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { AppError, dependencyUnavailable } from '../errors.ts';
import { createDeadlineGuard } from './deadline.ts';
import { openPostgresSocket } from './postgres-socket.ts';

/** Whatever a repo can query with: the pool or a transaction. */
export type Queryable = PgDatabase<PostgresJsQueryResultHKT>;
export type Transaction = Queryable;

/** PostgreSQL, with a deadline on everything: a database that is away or frozen costs a caller `deadlineMs` at most. */
export interface Database {
  /** Throws `dependency_unavailable` when PostgreSQL is away, and what `work` throws. */
  read<T>(work: (query: Queryable) => Promise<T>): Promise<T>;
  /**
   * All or nothing. Repeated up to 3 times after a serialization failure or deadlock.
   * Throws as `read`; a constraint that refuses becomes `already_exists`. When the deadline passes in the commit
   * itself, the outcome is unknown to the caller.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Resolves when PostgreSQL answers. */
  ping(): Promise<void>;
  /** Calls `onNotify` for every NOTIFY on `channel` and `onListening` at each (re)connection, until `close`. */
  listen(channel: string, onNotify: () => void, onListening: () => void): Promise<void>;
  close(): Promise<void>;
}

const connectionsPerProcess = 16;
/** Longer than the deadline of a caller, so that the deadline is what a silent network meets. */
const connectTimeoutSeconds = 5;
const defaultDeadlineMs = 4_000;
const attemptsOfTransaction = 3;

/** An option that the driver has and its types do not name. */
const survivingSockets = { socket: openPostgresSocket };

/** No I/O happens here: connections are made when they are needed. */
export function createDatabase(options: {
  readonly url: string;
  readonly applicationName: string;
  /** Longest time a read or a transaction may take, in milliseconds. */
  readonly deadlineMs?: number;
}): Database {
  const deadlineMs = options.deadlineMs ?? defaultDeadlineMs;
  const client = postgres(options.url, {
    ...survivingSockets,
    max: connectionsPerProcess,
    connect_timeout: connectTimeoutSeconds,
    idle_timeout: 60,
    max_lifetime: 30 * 60,
    keep_alive: 10,
    backoff: () => 0.25,
    // Looking up array types on connecting fails outside of any call when the connection breaks just then.
    fetch_types: false,
    onnotice: () => undefined,
    connection: {
      application_name: options.applicationName,
      // A living server gives up before the caller does, and says so.
      statement_timeout: Math.ceil(deadlineMs * 0.75),
      lock_timeout: Math.ceil(deadlineMs / 2),
      idle_in_transaction_session_timeout: 10_000,
    },
  });
  const pool = drizzle(client);

  const guard = createDeadlineGuard({
    dependency: 'postgres',
    deadlineMs,
    monotonicMs: () => performance.now(),
    isSilence,
  });

  async function withDeadline<T>(work: (expired: () => boolean) => Promise<T>): Promise<T> {
    try {
      return await guard.run(work);
    } catch (error) {
      throw fromDriver(error);
    }
  }

  return {
    read: (work) => withDeadline(() => work(pool)),
    transaction: (work) =>
      withDeadline(async (expired) => {
        for (let attempt = 1; ; attempt += 1) {
          try {
            return await pool.transaction(async (tx) => {
              const result = await work(tx);
              if (expired()) throw dependencyUnavailable('postgres');
              return result;
            });
          } catch (error) {
            if (attempt === attemptsOfTransaction || expired() || !isWorthRepeating(error)) throw error;
          }
        }
      }),
    ping: async () => {
      await withDeadline(() => client`select 1`);
    },
    listen: async (channel, onNotify, onListening) => {
      try {
        await client.listen(channel, onNotify, onListening);
      } catch (error) {
        throw fromDriver(error);
      }
    },
    close: () => client.end({ timeout: 1 }),
  };
}

const serializationFailure = '40001';
const deadlockDetected = '40P01';
const uniqueViolation = '23505';
/** Classes: connection, resources, operator intervention (shutdown, cancelled by timeout), system. */
const unavailableClasses = ['08', '53', '57', '58'];
const lockNotAvailable = '55P03';
const networkCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
]);

/** The error as the application knows it: a driver's message never travels further than a log. */
export function fromDriver(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const code = codeOf(error);
  if (code === undefined) return error;
  if (code === uniqueViolation)
    return new AppError('already_exists', 'Something like this exists already.', { cause: rootOf(error) });
  const isAway =
    networkCodes.has(code) ||
    code === lockNotAvailable ||
    code === serializationFailure ||
    code === deadlockDetected ||
    unavailableClasses.some((prefix) => code.length === 5 && code.startsWith(prefix));
  return isAway ? dependencyUnavailable('postgres', rootOf(error)) : rootOf(error);
}

/** Whether an error comes from the way to the server, not from the server. */
function isSilence(error: unknown): boolean {
  return networkCodes.has(codeOf(error) ?? '');
}

/** The name of the unique constraint that refused, when that is what `error` says. */
export function violatedConstraint(error: unknown): string | undefined {
  const root = rootOf(error instanceof AppError ? error.cause : error);
  return root instanceof postgres.PostgresError && root.code === uniqueViolation ? root.constraint_name : undefined;
}

/**
 * True when PostgreSQL refused the data itself, whatever the state of the server: SQLSTATE classes 22 (data exception)
 * and 23 (a constraint). The same statement would fail again.
 */
export function refusesData(error: unknown): boolean {
  const root = rootOf(error instanceof AppError ? error.cause : error);
  return root instanceof postgres.PostgresError && /^2[23]/.test(root.code);
}

function isWorthRepeating(error: unknown): boolean {
  const code = codeOf(error);
  return code === serializationFailure || code === deadlockDetected;
}

function codeOf(error: unknown): string | undefined {
  const root = rootOf(error);
  return root instanceof Error && 'code' in root && typeof root.code === 'string' ? root.code : undefined;
}

/** drizzle wraps what the driver throws, and puts the parameters into its message. */
function rootOf(error: unknown): unknown {
  return error instanceof Error && error.name !== 'PostgresError' && error.cause instanceof Error
    ? rootOf(error.cause)
    : error;
}
