import { createAdmin, type Admin } from './admin/index.ts';
import { createAudit, type Audit } from './audit/index.ts';
import { createAuth, type Auth } from './auth/index.ts';
import type { Config } from './config.ts';
import { AppError } from './errors.ts';
import { createGroups, type Groups } from './groups/index.ts';
import { createHistory, type History } from './history/index.ts';
import { createCursors, type Cursors } from './http/cursors.ts';
import { createHealth, type Health } from './http/health.ts';
import { createRunChange, type RunChange } from './infra/change.ts';
import { systemClock, type Clock } from './infra/clock.ts';
import { createLogger, type Logger } from './infra/logger.ts';
import { createMetrics, type Metrics } from './infra/metrics.ts';
import { createOutbox, type Outbox } from './infra/outbox/index.ts';
import { createDatabase, type Database } from './infra/postgres.ts';
import { createLiveStoreGenerations, type LiveStoreGenerations } from './live-store/index.ts';
import { createRealtime, exportGatewayMetrics, type Realtime } from './realtime/index.ts';
import { createTelemetry, type Telemetry } from './telemetry.ts';
import { createUsers, type Users } from './users/index.ts';
import { readVersion } from './version.ts';

/** Everything that the process is made of. */
export interface Container {
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
  readonly liveStore: LiveStoreGenerations;
  readonly cursors: Cursors;
  readonly health: Health;
  readonly realtime: Realtime;
  readonly history: History;
  /** Begins what runs by itself. The database is migrated by then. Throws `dependency_unavailable`. */
  start(): Promise<void>;
  /** Ends it all in reverse order. */
  dispose(): Promise<void>;
}

/** What tests may put in the place of the real thing. */
export type ContainerOverrides = Partial<Pick<Container, 'logger' | 'clock' | 'database'>>;

/** The composition root. Connects to Redis when one is configured; throws when it cannot be reached. */
export async function createContainer(config: Config, overrides: ContainerOverrides = {}): Promise<Container> {
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
  const audit = createAudit();
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
  const liveStore = createLiveStoreGenerations(database);
  const health = createHealth(version);
  health.register('postgres', async () => {
    await database.ping();
    return 'ok';
  });

  const realtime = await createRealtime({
    redisUrl: config.redis?.url.reveal() ?? null,
    livekit: config.livekit,
    keyPrefix: config.keyPrefix,
    allowedOrigins: config.http.allowedOrigins,
    rateLimits: config.rateLimits,
    sessions: auth,
    groups: {
      membershipsOf: groups.membershipsOf,
      membershipOf: groups.membershipOf,
      exists: (groupId) => groupExists(groups, groupId),
    },
    events: outbox,
    tokenRenewal: { possibleSinceMs: outbox.readableSinceMs },
    raiseGeneration: liveStore.currentGeneration,
    clock,
    logger,
    telemetry,
  });
  exportGatewayMetrics(metrics, realtime.gateway.counters);
  const history = createHistory({
    database,
    runChange,
    outbox,
    logger,
    metrics,
    source: realtime.store.history,
    retentionDays: config.historyRetentionDays,
  });
  realtime.store.onNoted(history.wake);
  health.register('redis', () => realtime.store.health());
  health.register('livekit', () => realtime.media.health());

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
    liveStore,
    cursors: createCursors(secretKeys),
    health,
    realtime,
    history,
    start: async () => {
      await outbox.start();
      auth.start();
      history.start();
      await realtime.start();
      health.setStarted(true);
    },
    dispose: async () => {
      health.setStarted(false);
      await realtime.stop();
      await history.stop();
      await auth.stop();
      await outbox.stop();
      await database.close();
      metrics.dispose();
    },
  };
}

function secretKeysOf(config: Config): [string, ...string[]] {
  const previous = config.auth.secretKeyPrevious;
  return [config.auth.secretKey.reveal(), ...(previous === null ? [] : [previous.reveal()])];
}

async function groupExists(groups: Groups, groupId: string): Promise<boolean> {
  try {
    await groups.find(groupId);
    return true;
  } catch (error) {
    if (error instanceof AppError && error.code === 'not_found') return false;
    throw error;
  }
}
