import { describeTalk } from '../acceptance/talk-scenarios.ts';
import { startLivekit } from '../_support/livekit.ts';
import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';

describeTalk('two processes on one Redis and one LiveKit', async () => {
  const [redis, livekit, database] = await Promise.all([startRedis(), startLivekit(), createDatabase()]);
  const options = {
    databaseUrl: database.url,
    redisUrl: redis.url,
    livekit: livekit.env,
    env: { SECRET_KEY: 'a secret that all processes of the test share' },
  };
  const here = await startNeda(options);
  const there = await startNeda(options);
  return {
    here,
    there,
    media: 'livekit',
    async close() {
      await Promise.all([here, there].map((neda) => neda[Symbol.asyncDispose]()));
      await livekit[Symbol.asyncDispose]();
      await redis[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
});
