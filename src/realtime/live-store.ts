import { connectRedis, type RedisLinks } from '../infra/redis.ts';
import { type Bus, MemoryBus, RedisBus } from './bus/index.ts';
import { type FloorStore, floorTimings } from './floor/index.ts';
import { MemoryFloorStore } from './floor-memory/index.ts';
import { createRedisBlocks, meetStore, RedisFloorStore, type RaiseGeneration, type StoreLife } from './floor-redis/index.ts';
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
  return {
    floor: new MemoryFloorStore({
      generation,
      publish: (groupId, payload) => bus.publishGroup(groupId, payload),
    }),
    bus,
    claims: createMemorySessionClaims(() => performance.now()),
    streams: createStreamIds(createLocalBlocks(() => Date.now())),
    health: async () => 'off',
    close: () => bus.close(),
  };
}

async function openRedis(options: LiveStoreOptions, url: string): Promise<LiveStore> {
  const { keyPrefix, processId, raiseGeneration, onError } = options;
  let life: StoreLife | null = null;
  const links: RedisLinks = await connectRedis(url, {
    onReady: () => meetAgain(),
    onDown: (reason) => onError(new Error(reason === '' ? 'the link to Redis is away' : reason), 'redis'),
  });
  life = await meetStore({ links, keyPrefix, leaseMs: floorTimings.leaseMs, raiseGeneration });
  let current = life;

  /** Another Redis may stand behind the same address now: until that is known, the old life's scripts are refused. */
  function meetAgain(): void {
    if (life === null) return;
    meetStore({ links, keyPrefix, leaseMs: floorTimings.leaseMs, raiseGeneration }).then(
      (met) => {
        current = met;
      },
      (error: unknown) => {
        onError(error, 'meet store');
        setTimeout(meetAgain, MEET_AGAIN_MS).unref();
      },
    );
  }

  const bus = new RedisBus(links, keyPrefix);
  return {
    floor: new RedisFloorStore({ links, keyPrefix, processId, life: () => current }),
    bus,
    claims: createRedisSessionClaims({ links, mailbox: createBusMailbox(bus), keyPrefix, processId }),
    streams: createStreamIds(createRedisBlocks(links, keyPrefix, STREAM_BLOCK)),
    health: () => links.health(),
    close: async () => {
      await bus.close();
      await links.close();
    },
  };
}
