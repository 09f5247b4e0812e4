import { connectRedis, type RedisLinks, redisScript } from '../../../src/infra/redis.ts';
import { RedisBus } from '../../../src/realtime/bus/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../../src/realtime/floor-redis/index.ts';
import { type StoreHarness, testTimings } from './scene.ts';

/** Longer than a machine that has other things to do keeps Redis from answering. */
const SILENCE_MS = 15_000;

/** The links, for tests that are not about a silent Redis: a busy machine is silent for longer than a server waits. */
export function patient(links: RedisLinks): RedisLinks {
  return { ...links, run: (_silenceMs, script, keys, args) => links.run(SILENCE_MS, script, keys, args) };
}

/** The time of Redis and so many milliseconds more, as `TIME` gives it. */
const LATER = `
local asked = call('TIME')
local later = asked[1] * 1000 + math.floor(asked[2] / 1000) + ARGV[#ARGV]
local clock = { math.floor(later / 1000), later % 1000 * 1000 }`;

/** The same, for scripts of the floor, by a clock that is so much ahead of Redis' own. */
function ahead(links: RedisLinks, passedMs: () => number): RedisLinks {
  const asked = "local clock = call('TIME')";
  const scripts = new Map<string, ReturnType<typeof redisScript>>();
  return {
    ...links,
    async run(_silenceMs, script, keys, args) {
      if (!script.lua.includes(asked)) throw new Error('The scripts take the time in another way');
      const timed = scripts.get(script.sha) ?? redisScript(script.lua.replace(asked, LATER));
      scripts.set(script.sha, timed);
      // A request lives as long as it takes: by which clock its end was reckoned is not known here.
      return links.run(SILENCE_MS, timed, keys, [...args.slice(0, 4), 0, ...args.slice(5), passedMs()]);
    },
  };
}

/** What Redis itself lets expire grows older by so much. */
const growOlder = redisScript(`
local ttl = redis.call('PTTL', KEYS[1])
if ttl > tonumber(ARGV[1]) then return redis.call('PEXPIRE', KEYS[1], ttl - ARGV[1]) end
if ttl >= 0 then return redis.call('DEL', KEYS[1]) end
return 0`);

/** Any number of processes on the Redis, or the Redis Cluster, behind a URL. */
export async function redisHarness(url: string, keyPrefix: string): Promise<StoreHarness> {
  const control = await connectRedis(url);
  const opened: RedisLinks[] = [control];
  const watched = new Set<string>();
  let passedMs = 0;
  const slotKey = (groupId: string): string => `${keyPrefix}speaker:{${groupId}}`;
  return {
    async open(processId) {
      const links = await connectRedis(url);
      opened.push(links);
      const bus = new RedisBus(links, keyPrefix);
      const life = { generation: 1, quietUntilMs: 0 };
      const timed = ahead(links, () => passedMs);
      const store = new RedisFloorStore({ links: timed, keyPrefix, processId, life: () => life, timings: testTimings });
      return {
        store,
        async watch(groupId) {
          watched.add(groupId);
          const payloads: string[] = [];
          await bus.subscribeGroup(groupId, { onMessage: (payload) => payloads.push(payload), onGap() {} });
          return payloads;
        },
      };
    },
    async slot(groupId) {
      const key = slotKey(groupId);
      const [userId, ttlMs] = await Promise.all([
        control.send(SILENCE_MS, key, (redis) => redis.get(key)),
        control.send(SILENCE_MS, key, (redis) => redis.pttl(key)),
      ]);
      return userId === null ? null : { userId, ttlMs };
    },
    async presence(groupId) {
      const key = `${keyPrefix}presence:{${groupId}}`;
      return control.send(SILENCE_MS, key, (redis) => redis.smembers(key));
    },
    history: new RedisHistorySource(control, keyPrefix),
    timings: testTimings,
    async pass(ms) {
      passedMs += ms;
      await Promise.all([...watched].map((groupId) => control.run(SILENCE_MS, growOlder, [slotKey(groupId)], [ms])));
    },
    async close() {
      await Promise.all(opened.map((links) => links.close()));
    },
  };
}
