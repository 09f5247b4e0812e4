import { afterAll, beforeAll } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import { RedisBus } from '../../src/realtime/bus/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../src/realtime/floor-redis/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { describeFloorStore, testTimings } from './floor-store.ts';

let redis: TestRedis;
let control: RedisLinks;

beforeAll(async () => {
  redis = await startRedis();
  control = await connectRedis(redis.url);
});
afterAll(async () => {
  await control.close();
  await redis[Symbol.asyncDispose]();
});

const keyPrefix = 'test:';

describeFloorStore(
  'Redis, two processes',
  async () => {
    const opened: RedisLinks[] = [];
    return {
      async open(processId) {
        const links = await connectRedis(redis.url);
        opened.push(links);
        const bus = new RedisBus(links, keyPrefix);
        const life = { generation: 1, quietUntilMs: 0 };
        const store = new RedisFloorStore({ links, keyPrefix, processId, life: () => life, timings: testTimings });
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
        const [userId, ttlMs] = await Promise.all([control.commands.get(key), control.commands.pttl(key)]);
        return userId === null ? null : { userId, ttlMs };
      },
      presence: (groupId) => control.commands.smembers(`${keyPrefix}presence:{${groupId}}`),
      history: new RedisHistorySource(control, keyPrefix),
      async close() {
        await Promise.all(opened.map((links) => links.close()));
      },
    };
  },
  2,
);
