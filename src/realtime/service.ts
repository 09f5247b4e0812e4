import { v7 as uuid } from 'uuid';
import type { Clock } from '../infra/clock.ts';
import type { Logger } from '../infra/logger.ts';
import { createPeriodic } from '../infra/periodic.ts';
import type { FloorAudit, GroupAccess, RoomAccess, SessionAccess } from './access.ts';
import { Everywhere } from './everywhere.ts';
import { floorTimings } from './floor/index.ts';
import type { RaiseGeneration } from './floor-redis/index.ts';
import { createGateway, type DomainEvents, type Gateway, type TokenRenewal } from './gateway/index.ts';
import {
  createConnectionListener,
  createFloorModules,
  createLive,
  createLiveControl,
  createLostTalks,
  type FloorTelemetry,
  type Live,
  type LiveControl,
  lossOf,
  renamingOf,
  storedTalkOf,
  TalkLedger,
} from './live/index.ts';
import { openLiveStore, type LiveStore } from './live-store.ts';
import { createVoiceRelay, type VoiceRelay } from './relay/index.ts';
import { createMedia, type MediaGuard, type MediaOptions, type MediaServer, MediaUnavailable } from './media/index.ts';

/** Groups that no process has members in are looked at this often. */
const SWEEP_MS = 10_000;
/** What is under way when the process stops gets this long. */
const DRAIN_MS = 2_000;
/** How often it is looked whether the live store is a new one that must be told of talks. */
const LOST_TALKS_MS = 1_000;

export interface RealtimeOptions {
  readonly redisUrl: string | null;
  readonly livekit: MediaOptions['livekit'];
  readonly keyPrefix: string;
  readonly allowedOrigins: readonly string[];
  readonly rateLimits: boolean;
  readonly sessions: SessionAccess;
  readonly groups: GroupAccess;
  readonly rooms: RoomAccess;
  readonly events: DomainEvents & {
    /** Resolves when all that was committed before the call has been handled in this process. */
    catchUp(): Promise<void>;
  };
  /** Since when access tokens can be renewed: while they cannot, none closes a socket. */
  readonly tokenRenewal: TokenRenewal;
  readonly raiseGeneration: RaiseGeneration;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: FloorTelemetry;
  readonly audit: FloorAudit;
}

/** Who talks, who hears, who is there: sockets, floor and media of one process. */
export interface Realtime {
  readonly gateway: Gateway;
  /** What operators may see and do. */
  readonly live: LiveControl;
  readonly store: LiveStore;
  readonly media: MediaServer;
  readonly mediaGuard: MediaGuard;
  readonly relay: VoiceRelay;
  /**
   * Resolves when every process has taken in what was committed before the call, at the latest after a second. Never
   * rejects.
   */
  reachEverywhere(): Promise<void>;
  start(): Promise<void>;
  /** Closes all sockets with 4000, so that others end the talks of this process after the grace. Safe to repeat. */
  closeSockets(): Promise<void>;
  /** Closes sockets and everything else. */
  stop(): Promise<void>;
}

/** Opens the live store; throws when it cannot be reached. */
export async function createRealtime(options: RealtimeOptions): Promise<Realtime> {
  const { keyPrefix, groups, clock } = options;
  const logger = options.logger.child({ part: 'realtime' });
  const processId = uuid();
  const onError = (error: unknown, step: string): void => {
    // Of its absence the media server's adapter tells, once.
    const isTold = error instanceof MediaUnavailable && error.isOutage;
    logger[isTold ? 'debug' : 'warn']({ err: error, step }, 'a step of the live groups failed');
  };
  const store = await openLiveStore({
    redisUrl: options.redisUrl,
    keyPrefix,
    processId,
    raiseGeneration: options.raiseGeneration,
    onError,
  });
  const { server: media, guard: mediaGuard } = createMedia({
    livekit: options.livekit,
    keyPrefix,
    log: logger,
    nowMs: clock.nowMs,
    publishers: async (groupId) => {
      const publishers = await store.floor.publishers({ groupId });
      if (publishers.published.length > 0) live.groups.apply(groupId, publishers);
      return publishers;
    },
    guard: {
      failTalk: (groupId, talkId) => live.endings.failMedia(groupId, talkId),
      present: () => live.groups.present(),
      ...options.rooms,
    },
  });
  const relay = createVoiceRelay({
    bus: store.audio,
    onFailed: ({ groupId, talkId }) => {
      live.endings.failMedia(groupId, talkId).catch((error: unknown) => onError(error, 'end without sound'));
    },
  });
  const ledger = new TalkLedger(() => performance.now());
  const live: Live = createLive({
    store: store.floor,
    bus: store.bus,
    media,
    relay,
    timings: floorTimings,
    telemetry: options.telemetry,
    audit: options.audit,
    ledger,
    streams: store.streams,
    onError,
  });
  const listener = createConnectionListener(live, relay, onError);
  const gateway = createGateway({
    processId,
    sessions: options.sessions,
    groups,
    claims: store.claims,
    events: options.events,
    tokenRenewal: options.tokenRenewal,
    modules: createFloorModules({ groups, live, store: store.floor, audit: options.audit, onError }),
    listener,
    clock,
    logger,
    allowedOrigins: options.allowedOrigins,
    rateLimits: options.rateLimits,
  });
  const { generation, generationOf, history } = store;
  const tellLostTalks = createLostTalks({ ledger, generation, generationOf, history, afterMs: floorTimings.leaseMs });
  const lostTalks = createPeriodic({ name: 'lost talks', everyMs: LOST_TALKS_MS, logger, work: () => tellLostTalks() });
  let sweeper: NodeJS.Timeout | null = null;
  let unsubscribes: readonly (() => void)[] = [];

  /** Ends what dead processes left behind in groups that nobody is in. */
  async function sweep(): Promise<void> {
    let failure: unknown = null;
    for (const groupId of await store.floor.liveGroups()) {
      try {
        live.groups.apply(groupId, await store.floor.settle({ groupId }));
      } catch (error) {
        // The other groups do not wait for this one.
        failure ??= error;
      }
    }
    if (failure !== null) onError(failure, 'sweep');
  }

  function sweepLater(delayMs: number): void {
    sweeper = setTimeout(() => {
      sweep()
        .catch((error: unknown) => onError(error, 'sweep'))
        .finally(() => {
          if (sweeper !== null) sweepLater(SWEEP_MS);
        });
    }, delayMs);
    sweeper.unref();
  }

  const everywhere = new Everywhere({ bus: store.bus, processId, catchUp: () => options.events.catchUp(), onError });

  let closing: Promise<void> | null = null;
  function closeSockets(): Promise<void> {
    closing ??= gateway.stop(DRAIN_MS).then(() => listener.settled());
    return closing;
  }

  return {
    gateway,
    live: createLiveControl({ live, store: store.floor }),
    store,
    media,
    mediaGuard,
    relay,
    closeSockets,
    reachEverywhere: () => everywhere.reached(),
    async start() {
      live.groups.start();
      unsubscribes = [
        options.events.subscribe(async (event) => {
          const loss = lossOf(event);
          if (loss !== null) await live.endings.endAbsent(loss);
        }),
        options.events.subscribe(async (event) => {
          const renaming = renamingOf(event);
          if (renaming !== null) await live.changes.rename(renaming);
        }),
        options.events.subscribe((event) => mediaGuard.heard(event)),
        options.events.subscribe((event) => {
          const talkId = storedTalkOf(event);
          if (talkId !== null) ledger.stored(talkId);
        }),
      ];
      lostTalks.start();
      mediaGuard.start();
      await gateway.start();
      await everywhere.start();
      sweepLater(0);
    },
    async stop() {
      for (const unsubscribe of unsubscribes) unsubscribe();
      everywhere.stop();
      await closeSockets();
      await lostTalks.stop();
      await tellLostTalks('now').catch((error: unknown) => onError(error, 'lost talks'));
      if (sweeper !== null) clearTimeout(sweeper);
      sweeper = null;
      await mediaGuard.close();
      live.groups.stop();
      relay.close();
      await store.claims.close();
      await media.close();
      await store.close();
    },
  };
}
