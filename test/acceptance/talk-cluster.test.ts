import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedisCluster } from '../_support/redis.ts';
import { describeTalk } from './talk-scenarios.ts';

describeTalk('two processes on a Redis Cluster', async () => {
  const [cluster, database] = await Promise.all([startRedisCluster(), createDatabase()]);
  const env = { KEY_PREFIX: 'acceptance:', SECRET_KEY: 'a secret that all processes of the test share' };
  const [here, there] = await Promise.all(
    // They meet the cluster at different nodes.
    cluster.nodes.slice(0, 2).map(({ url }) => startNeda({ databaseUrl: database.url, redisUrl: url, env })),
  );
  if (here === undefined || there === undefined) throw new Error('Two processes are needed');
  return {
    here,
    there,
    async close() {
      await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
      await cluster[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
});
