import { connectRedis, type RedisLinks } from '../infra/redis.ts';
import { type Bus, MemoryBus, RedisBus } from './bus/index.ts';
import { type FloorHistorySource, type FloorStore, floorTimings } from './floor/index.ts';
import { MemoryFloorStore } from './floor-memory/index.ts';
import {
  createRedisBlocks,
  meetStore,
  RedisFloorStore,
  RedisHistorySource,
  type RaiseGeneration,
  type StoreLife,
} from './floor-redis/index.ts';
import { createLocalBlocks, createStreamIds, STREAM_BLOCK, type StreamIds } from './live/index.ts';
import {
  createBusMailbox,
  createMemorySessionClaims,
  createRedisSessionClaims,
  type SessionClaims,
} from './sessions/index.ts';

/** Everything that the processes of a deployment share while it runs, or its stand-in for a single process. */
export interface LiveStore {
  readonly floor: FloorStore;
  readonly bus: Bus;
  readonly claims: SessionClaims;
  readonly streams: StreamIds;
  /** What was noted for PostgreSQL; that of an in-process store can be read after `close` too. */
  readonly history: FloorHistorySource;
  /** Calls `listener` when a step of this process has ended a talk. */
  onNoted(listener: () => void): void;
  health(): Promise<'ok' | 'down' | 'off'>;
  close(): Promise<void>;
}

export interface LiveStoreOptions {
  /** Null: in-process, for a deployment of one process. */
  readonly redisUrl: string | null;
  readonly keyPrefix: string;
  readonly processId: string;
  readonly raiseGeneration: RaiseGeneration;
  readonly onError: (error: unknown, step: string) => void;
}

const MEET_AGAIN_MS = 1_000;

/** Opens the live store. Throws when it cannot be reached at the start. */
export function openLiveStore(options: LiveStoreOptions): Promise<LiveStore> {
  return options.redisUrl === null ? openInProcess(options) : openRedis(options, options.redisUrl);
}

async function openInProcess(options: LiveStoreOptions): Promise<LiveStore> {
  const generation = await options.raiseGeneration({
    key: `memory ${options.keyPrefix}`,
    runId: options.processId,
    isEmpty: false,
  });
  const bus = new MemoryBus();
  const listeners: (() => void)[] = [];
  const floor = new MemoryFloorStore({
    generation,
    publish: (groupId, payload) => bus.publishGroup(groupId, payload),
    onNoted: () => {
      for (const listener of listeners) listener();
    },
  });
  return {
    floor,
    bus,
    claims: createMemorySessionClaims(() => performance.now()),
    streams: createStreamIds(createLocalBlocks(() => Date.now())),
    history: floor.history,
    onNoted: (listener) => listeners.push(listener),
    health: async () => 'off',
    close: async () => {
      await floor.close();
      await bus.close();
    },
  };
}

async function openRedis(options: LiveStoreOptions, url: string): Promise<LiveStore> {
  const { keyPrefix, processId, raiseGeneration, onError } = options;
  let life: StoreLife = { generation: 0, quietUntilMs: 0 };
  let meeting: Promise<void> | null = null;
  const links: RedisLinks = await connectRedis(url, {
    onReady: () => {
      if (life.generation > 0) meetAgain();
    },
    onDown: (reason) => onError(new Error(reason === '' ? 'the link to Redis is away' : reason), 'redis'),
  });
  await meet();

  function meet(): Promise<void> {
    meeting ??= meetStore({ links, keyPrefix, leaseMs: floorTimings.leaseMs, raiseGeneration })
      .then((met) => {
        life = met;
      })
      .finally(() => {
        meeting = null;
      });
    return meeting;
  }

  /** Another Redis may stand behind the same address now. */
  function meetAgain(): void {
    meet().catch((error: unknown) => {
      onError(error, 'meet store');
      setTimeout(meetAgain, MEET_AGAIN_MS).unref();
    });
  }

  const bus = new RedisBus(links, keyPrefix);
  const history = new RedisHistorySource(links, keyPrefix);
  const listeners: (() => void)[] = [];
  return {
    floor: new RedisFloorStore({
      links,
      keyPrefix,
      processId,
      life: () => life,
      meet,
      onNoted: (groupId) => {
        history.touched(groupId);
        for (const listener of listeners) listener();
      },
    }),
    bus,
    claims: createRedisSessionClaims({ links, mailbox: createBusMailbox(bus), keyPrefix, processId }),
    streams: createStreamIds(createRedisBlocks(links, keyPrefix, STREAM_BLOCK)),
    history,
    onNoted: (listener) => listeners.push(listener),
    health: () => links.health(),
    close: async () => {
      await bus.close();
      await links.close();
    },
  };
}
