import { createAdminLive, type AdminLive } from './admin/index.ts';
import { createFloorAudit } from './audit/index.ts';
import type { Config } from './config.ts';
import { createCore, type Core, type CoreOverrides } from './core.ts';
import { AppError } from './errors.ts';
import type { Auth } from './auth/index.ts';
import type { Groups } from './groups/index.ts';
import { createGapRecords, createHistory, type History } from './history/index.ts';
import { createHealth, type Health } from './http/health.ts';
import type { RunChange } from './infra/change.ts';
import { createLiveStoreGenerations, type LiveStoreGenerations } from './live-store/index.ts';
import {
  createMediaGate,
  createRealtime,
  exportGatewayMetrics,
  exportGuardMetrics,
  exportRelayMetrics,
  type MediaGate,
  type Realtime,
} from './realtime/index.ts';

/** Everything that the server is made of. */
export interface Container extends Omit<Core, 'close'> {
  readonly liveStore: LiveStoreGenerations;
  readonly health: Health;
  readonly realtime: Realtime;
  readonly mediaGate: MediaGate;
  readonly adminLive: AdminLive;
  readonly history: History;
  /** As `runChange`; the change counts in every process before it is answered, or a second later at the latest. */
  readonly runChangeEverywhere: RunChange;
  /** Begins what runs by itself. The database is migrated by then. Throws `dependency_unavailable`. */
  start(): Promise<void>;
  /** Ends it all in reverse order. */
  dispose(): Promise<void>;
}

/** The composition root. Connects to Redis when one is configured; throws when it cannot be reached. */
export async function createContainer(config: Config, overrides: CoreOverrides = {}): Promise<Container> {
  const { close, ...core } = createCore(config, overrides);
  const { version, logger, clock, metrics, telemetry, database, runChange, outbox, audit, groups, auth } = core;
  const liveStore = createLiveStoreGenerations({ runChange, onReplaced: createGapRecords(core.audit) });
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
    rooms: createRoomAccess(auth, groups),
    events: outbox,
    tokenRenewal: { possibleSinceMs: outbox.readableSinceMs },
    raiseGeneration: liveStore.currentGeneration,
    clock,
    logger,
    telemetry,
    audit: createFloorAudit(audit),
  });
  exportGatewayMetrics(metrics, realtime.gateway.counters);
  exportRelayMetrics(metrics, realtime.relay.counters);
  exportGuardMetrics(metrics, realtime.mediaGuard.counters);
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
    ...core,
    runChangeEverywhere: async (origin, work) => {
      const result = await runChange(origin, work);
      await realtime.reachEverywhere();
      return result;
    },
    liveStore,
    health,
    realtime,
    mediaGate: createMediaGate({
      livekit: config.livekit,
      keyPrefix: config.keyPrefix,
      access: { isLiving: auth.isLiving, isMember: groups.isMember },
      rateLimits: config.rateLimits,
      nowMs: clock.nowMs,
    }),
    adminLive: createAdminLive({ live: realtime.live, groups, audit, runChange }),
    history,
    start: async () => {
      await outbox.start();
      audit.start();
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
      await audit.stop();
      await outbox.stop();
      await close();
    },
  };
}

type RoomAccess = Parameters<typeof createRealtime>[0]['rooms'];

/** Two reads for a whole room. */
function createRoomAccess(auth: Auth, groups: Groups): RoomAccess {
  return {
    outsidersOf: async (groupId, members) => {
      const [living, inGroup] = await Promise.all([
        auth.livingAmong(members.map(({ sessionId }) => sessionId)),
        groups.membersAmong(
          groupId,
          members.map(({ userId }) => userId),
        ),
      ]);
      const owners = new Map(living.map(({ id, userId }) => [id, userId]));
      const insiders = new Set(inGroup);
      return members.filter(({ userId, sessionId }) => owners.get(sessionId) !== userId || !insiders.has(userId));
    },
    groupsOf: async (userId) => (await groups.membershipsOf(userId)).map(({ group }) => group.id),
  };
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
