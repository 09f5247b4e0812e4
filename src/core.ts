import { createAdmin, type Admin } from './admin/index.ts';
import { createAudit, type Audit } from './audit/index.ts';
import { createAuth, type Auth } from './auth/index.ts';
import type { Config } from './config.ts';
import { createGroups, type Groups } from './groups/index.ts';
import { createCursors, type Cursors } from './http/cursors.ts';
import { createRunChange, type RunChange } from './infra/change.ts';
import { systemClock, type Clock } from './infra/clock.ts';
import { createLogger, type Logger } from './infra/logger.ts';
import { createMetrics, type Metrics } from './infra/metrics.ts';
import { createOutbox, type Outbox } from './infra/outbox/index.ts';
import { createDatabase, type Database } from './infra/postgres.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';
import { createUsers, type Users } from './users/index.ts';
import { readVersion } from './version.ts';

/** What is made of the database alone: people, groups, sessions, and how they are changed. */
export interface Core {
  readonly config: Config;
  readonly version: string;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly telemetry: Telemetry;
  readonly database: Database;
  readonly runChange: RunChange;
  readonly outbox: Outbox;
  readonly audit: Audit;
  readonly users: Users;
  readonly groups: Groups;
  readonly auth: Auth;
  readonly admin: Admin;
  readonly cursors: Cursors;
  /** Closes what {@link createCore} opened. */
  close(): Promise<void>;
}

/** What tests may put in the place of the real thing. */
export type CoreOverrides = Partial<Pick<Core, 'logger' | 'clock' | 'database'>>;

/** Half of the composition root, and all that a command needs. Does no I/O: the database is dialled when it is asked. */
export function createCore(config: Config, overrides: CoreOverrides = {}): Core {
  const version = readVersion();
  const logger = overrides.logger ?? createLogger({ name: config.appName, level: config.logLevel });
  const clock = overrides.clock ?? systemClock;
  const metrics = createMetrics();
  const telemetry = createTelemetry(logger, metrics);
  const secretKeys = secretKeysOf(config);

  const database =
    overrides.database ?? createDatabase({ url: config.database.url.reveal(), applicationName: config.appName });
  const runChange = createRunChange(database);
  const outbox = createOutbox({ database, logger, metrics });
  const audit = createAudit({ database, logger, metrics, clock });
  const users = createUsers({ database, outbox, audit });
  const groups = createGroups({ database, outbox, audit, users, clock });
  const auth = createAuth({
    database,
    runChange,
    outbox,
    audit,
    users,
    telemetry,
    logger,
    clock,
    secretKeys,
    accessTokenTtlMs: config.auth.accessTokenTtlMs,
    refreshTokenTtlMs: config.auth.refreshTokenTtlMs,
    limitsLogins: config.rateLimits,
  });
  const admin = createAdmin({ users, groups, auth });

  return {
    config,
    version,
    logger,
    clock,
    metrics,
    telemetry,
    database,
    runChange,
    outbox,
    audit,
    users,
    groups,
    auth,
    admin,
    cursors: createCursors(secretKeys),
    close: async () => {
      await database.close();
      metrics.dispose();
    },
  };
}

function secretKeysOf(config: Config): [string, ...string[]] {
  const previous = config.auth.secretKeyPrevious;
  return [config.auth.secretKey.reveal(), ...(previous === null ? [] : [previous.reveal()])];
}
