import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { startLivekit, type TestLivekit } from '../../_support/livekit.ts';
import { startNeda } from '../../_support/neda.ts';
import { freePort } from '../../_support/ports.ts';
import { startPostgres } from '../../_support/postgres.ts';
import { startRedis } from '../../_support/redis.ts';
import type { Origins } from './access-rounds.ts';

const WEBHOOK_PATH = '/api/v1/media/webhook';
/** A PATH without programs: no media server is found and started beside NEDA. */
const EMPTY_PATH = '/nonexistent';
const DATABASE_WITHOUT_MEDIA = 'without_media';

export interface MediaDeployment {
  readonly livekit: TestLivekit;
  readonly origins: Origins;
  readonly redisVersion: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the stores, livekit-server, and NEDA twice: with it, and with media off. Stops all when one does not start. */
export async function startMediaDeployment(): Promise<MediaDeployment> {
  await using starting = new AsyncDisposableStack();
  const redis = starting.use(await startRedis());
  const database = starting.use(await startPostgres());
  const port = await freePort();
  const livekit = starting.use(await startLivekit({ webhookUrl: `http://127.0.0.1:${port}${WEBHOOK_PATH}` }));
  const env = { NODE_ENV: 'test', HOST: '127.0.0.1', DEMO_DATA: 'on', SECRET_KEY: randomBytes(48).toString('base64') };
  const stores = { databaseUrl: database.url, redisUrl: redis.url };
  const withMedia = starting.use(await startNeda({ ...stores, port, livekit: livekit.env, env }));
  const withoutMedia = starting.use(
    await startNeda({
      databaseUrl: await anotherDatabase(database.url),
      redisUrl: redis.url,
      env: { ...env, PATH: EMPTY_PATH, KEY_PREFIX: 'without-media-' },
    }),
  );
  const redisVersion = /redis_version:(\S+)/.exec(await redis.command('INFO server'))?.[1] ?? 'unknown';
  const started = starting.move();
  return {
    livekit,
    origins: { withMedia: withMedia.origin, withoutMedia: withoutMedia.origin },
    redisVersion,
    [Symbol.asyncDispose]: () => started.disposeAsync(),
  };
}

async function anotherDatabase(clusterUrl: string): Promise<string> {
  const sql = postgres(clusterUrl, { max: 1 });
  try {
    await sql`CREATE DATABASE ${sql(DATABASE_WITHOUT_MEDIA)}`;
  } finally {
    await sql.end({ timeout: 1 });
  }
  const url = new URL(clusterUrl);
  url.pathname = `/${DATABASE_WITHOUT_MEDIA}`;
  return url.href;
}
