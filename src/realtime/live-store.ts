import { connectRedis, type RedisPrimary } from '../infra/redis.ts';
import { type AudioBus, type Bus, MemoryBus, noOtherProcesses, RedisAudioBus, RedisBus } from './bus/index.ts';
import { type FloorHistorySource, type FloorStore, floorTimings } from './floor/index.ts';
import { MemoryFloorStore } from './floor-memory/index.ts';
import {
  createRedisBlocks,
  RedisFloorStore,
  RedisHistorySource,
  type RaiseGeneration,
  StoreLives,
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
  readonly audio: AudioBus;
  readonly claims: SessionClaims;
  readonly streams: StreamIds;
  /** What was noted for PostgreSQL; that of an in-process store can be read after `close` too. */
  readonly history: FloorHistorySource;
  /** Which life of the live store a group is in (floor.md "Epochs"); 0 when that is not known now. */
  generationOf(groupId: string): number;
  /** The newest of all its lives. */
  generation(): number;
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
    audio: noOtherProcesses(),
    claims: createMemorySessionClaims(() => performance.now()),
    streams: createStreamIds(createLocalBlocks(() => Date.now())),
    history: floor.history,
    generationOf: () => generation,
    generation: () => generation,
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
  let isOpen = false;
  const links = await connectRedis(url, {
    onReady: (primary) => {
      if (isOpen) meetAgain(primary);
    },
    onDown: (reason) => onError(new Error(`the link to Redis is away: ${reason}`), 'redis'),
  });
  const lives = new StoreLives({ links, keyPrefix, leaseMs: floorTimings.leaseMs, raiseGeneration });
  await lives.meet(links.primaries.filter((primary) => primary.isReady));
  isOpen = true;

  /** Another Redis may stand behind the same address now. */
  function meetAgain(primary: RedisPrimary): void {
    lives.meet([primary]).catch((error: unknown) => {
      onError(error, 'meet store');
      setTimeout(() => {
        if (links.primaries.includes(primary)) meetAgain(primary);
      }, MEET_AGAIN_MS).unref();
    });
  }

  const bus = new RedisBus(links, keyPrefix);
  const history = new RedisHistorySource(links, keyPrefix, (groupId) => lives.meetFor(groupId));
  const listeners: (() => void)[] = [];
  return {
    floor: new RedisFloorStore({
      links,
      keyPrefix,
      processId,
      life: (groupId) => lives.of(groupId),
      meet: (groupId, refused) => lives.meetFor(groupId, refused),
      onNoted: (groupId) => {
        history.touched(groupId);
        for (const listener of listeners) listener();
      },
    }),
    bus,
    audio: new RedisAudioBus(links, keyPrefix, processId),
    claims: createRedisSessionClaims({ links, mailbox: createBusMailbox(bus), keyPrefix, processId }),
    streams: createStreamIds(createRedisBlocks(links, keyPrefix, STREAM_BLOCK)),
    history,
    generationOf: (groupId) => lives.of(groupId).generation,
    generation: () => lives.newestGeneration,
    onNoted: (listener) => listeners.push(listener),
    health: () => links.health(),
    close: async () => {
      await bus.close();
      await links.close();
    },
  };
}
