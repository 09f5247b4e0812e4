import { afterAll, beforeAll } from 'vitest';
import { startRedisCluster, type TestRedisCluster } from '../_support/redis.ts';
import { describeFloorStore } from './floor-store.ts';
import { redisHarness } from './floor-store/redis-harness.ts';

let cluster: TestRedisCluster;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

describeFloorStore('Redis Cluster, two processes', () => redisHarness(cluster.url, 'test:'), 2);
