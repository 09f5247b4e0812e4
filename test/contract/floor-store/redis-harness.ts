import { connectRedis, type RedisLinks } from '../../../src/infra/redis.ts';
import { RedisBus } from '../../../src/realtime/bus/index.ts';
import type { FloorTimings } from '../../../src/realtime/floor/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../../src/realtime/floor-redis/index.ts';
import { type StoreHarness, testTimings } from './scene.ts';

const SILENCE_MS = 5_000;

/** Any number of processes on the Redis, or the Redis Cluster, behind a URL. */
export async function redisHarness(
  url: string,
  keyPrefix: string,
  timings: FloorTimings = testTimings,
): Promise<StoreHarness> {
  const control = await connectRedis(url);
  const opened: RedisLinks[] = [control];
  return {
    async open(processId) {
      const links = await connectRedis(url);
      opened.push(links);
      const bus = new RedisBus(links, keyPrefix);
      const life = { generation: 1, quietUntilMs: 0 };
      const store = new RedisFloorStore({ links, keyPrefix, processId, life: () => life, timings });
      return {
        store,
        async watch(groupId) {
          const payloads: string[] = [];
          await bus.subscribeGroup(groupId, { onMessage: (payload) => payloads.push(payload), onGap() {} });
          return payloads;
        },
      };
    },
    async slot(groupId) {
      const key = `${keyPrefix}speaker:{${groupId}}`;
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
    async close() {
      await Promise.all(opened.map((links) => links.close()));
    },
  };
}
