import { setTimeout as pause } from 'node:timers/promises';
import { awakeFor } from '../../_support/awake.ts';
import type { Fault, Run } from '../world/run.ts';

const LEASE_MS = 6_000;
/** Until a process has noticed that the store is new. */
const NOTICE_MS = 6_000;
/** What was decided before may arrive this much later. */
const ON_THE_WAY_MS = 400;

const nothingLost = { recoversWithinMs: 2_500 } as const;
const everythingLost = {
  losesStore: true,
  mayEnd: ['expired', 'lost'],
  recoversWithinMs: LEASE_MS + NOTICE_MS,
} as const;

async function again(times: number, everyMs: number, command: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < times; time += 1) {
    await command();
    await pause(everyMs);
  }
}

/** Nothing may be granted from a moment on: what was under way has arrived by then. */
async function storeIsAway(run: Run): Promise<void> {
  await awakeFor(ON_THE_WAY_MS);
  run.nothingGranted();
}

export const emptyRestart: Fault = {
  ...everythingLost,
  name: 'Redis killed and restarted empty',
  isShort: true,
  lastsMs: 600,
  inject: async (run) => {
    await run.world.redis.kill();
    await storeIsAway(run);
  },
  heal: async (run) => {
    const startsAtMs = performance.now();
    await run.world.redis.start();
    // Not for a lease either, counted from when the first process meets it.
    await pause(Math.max(0, startsAtMs + LEASE_MS - 500 - performance.now()));
    run.granting();
  },
};

export const flushAll: Fault = {
  ...everythingLost,
  name: 'FLUSHALL',
  lastsMs: 0,
  inject: async (run) => {
    await run.world.redis.command('FLUSHALL');
    await storeIsAway(run);
  },
  heal: async (run) => {
    await pause(LEASE_MS - ON_THE_WAY_MS - 500);
    run.granting();
  },
};

export const redisPaused: Fault = {
  ...nothingLost,
  name: 'Redis paused 3 s',
  lastsMs: 3_000 - ON_THE_WAY_MS,
  inject: async (run) => {
    run.world.redis.pause();
    await storeIsAway(run);
  },
  heal: (run) => {
    run.granting();
    run.world.redis.resume();
  },
};

export const clientPause: Fault = {
  ...nothingLost,
  name: 'Redis paused 3 s (CLIENT PAUSE)',
  lastsMs: 3_000,
  inject: async ({ world }) => {
    await world.redis.command('CLIENT PAUSE 3000 ALL');
  },
  heal: () => undefined,
};

export const redisPausedLong: Fault = {
  name: 'Redis paused longer than a lease',
  lastsMs: LEASE_MS + 2_000,
  recoversWithinMs: 4_000,
  mayEnd: ['expired', 'lost'],
  inject: redisPaused.inject,
  heal: redisPaused.heal,
};

export const repliesLost: Fault = {
  name: 'reply lost after the script ran',
  isShort: true,
  lastsMs: 0,
  recoversWithinMs: 4_000,
  inject: ({ world, random }) =>
    again(3, 500, async () => {
      const { redisProxy } = random.pick(world.slots);
      redisProxy.swallowReplies(true);
      await pause(random.between(50, 600));
      redisProxy.cut();
      redisProxy.swallowReplies(false);
    }),
  heal: ({ world }) => {
    for (const { redisProxy } of world.slots) redisProxy.swallowReplies(false);
  },
};

export const subscriberKilled: Fault = {
  ...nothingLost,
  name: 'subscriber connection killed under load',
  isShort: true,
  lastsMs: 0,
  inject: ({ world }) => again(10, 150, () => world.redis.command('CLIENT KILL TYPE pubsub')),
  heal: () => undefined,
};

export const commandKilled: Fault = {
  ...nothingLost,
  name: 'command connection killed',
  lastsMs: 0,
  inject: ({ world }) => again(8, 250, () => world.redis.command('CLIENT KILL TYPE normal')),
  heal: () => undefined,
};

export const scriptFlush: Fault = {
  ...nothingLost,
  name: 'SCRIPT FLUSH',
  lastsMs: 0,
  inject: ({ world }) => again(10, 150, () => world.redis.command('SCRIPT FLUSH')),
  heal: () => undefined,
};

/** Who holds the floor may let go, and who waits for it may get it; nobody may ask or come. */
export const outOfMemory: Fault = {
  name: 'Redis out of memory',
  isShort: true,
  lastsMs: 2_500,
  recoversWithinMs: 3_000,
  inject: async ({ world }) => {
    await world.redis.command('CONFIG SET maxmemory 1');
  },
  heal: async (run) => {
    await run.world.redis.command('CONFIG SET maxmemory 0');
    for (const { name, sent, received } of run.connections) {
      const releases = new Set(sent.filter(({ type }) => type === 'RELEASE_TALK').map(({ id }) => id));
      for (const { message } of received) {
        if (message.type === 'ERROR' && releases.has(message.re ?? '')) {
          run.remark(`${name}: a release was refused as ${message.code} while Redis was full`);
        }
      }
    }
  },
};

export const slowRedis: Fault = {
  name: '200 ms and jitter to Redis',
  lastsMs: 4_000,
  recoversWithinMs: 4_000,
  inject: ({ world }) => {
    for (const { redisProxy } of world.slots) redisProxy.delay(100, 60);
  },
  heal: ({ world }) => {
    for (const { redisProxy } of world.slots) redisProxy.delay(0, 0);
  },
};
