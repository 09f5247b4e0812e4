import { Writable } from 'node:stream';
import { buildApp } from '../../src/app.ts';
import { loadDemoData } from '../../src/admin/index.ts';
import { completeConfig, readConfig } from '../../src/config.ts';
import { createContainer, type Container } from '../../src/container.ts';
import type { CoreOverrides } from '../../src/core.ts';
import type { HttpServer } from '../../src/http/server.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createDatabase } from '../_support/postgres.ts';
import { Rest } from '../_support/rest.ts';

const demoPassword = 'push-to-talk';

/** A server inside the test's own process, on a free port. */
export interface InProcessServer {
  readonly container: Container;
  readonly app: HttpServer;
  readonly rest: Rest;
  readonly databaseUrl: string;
  /** Every log line so far. */
  log(): string;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface InProcessOptions {
  /** A migrated database; without it the server gets one of its own, for as long as it runs. */
  readonly databaseUrl?: string;
  /** Adds or replaces variables. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly overrides?: CoreOverrides;
  readonly hasDemoData?: boolean;
}

/** Starts the server with the demo data. Rate limits are off when the environment does not say otherwise. */
export async function startInProcess(options: InProcessOptions = {}): Promise<InProcessServer> {
  if (options.databaseUrl !== undefined) return startOn(options.databaseUrl, options);
  const database = await createDatabase();
  const server = await startOn(database.url, options);
  return {
    ...server,
    [Symbol.asyncDispose]: async () => {
      await server[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

async function startOn(databaseUrl: string, options: Omit<InProcessOptions, 'databaseUrl'>): Promise<InProcessServer> {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
  const settings = readConfig({
    NODE_ENV: 'test',
    DATABASE_URL: databaseUrl,
    SECRET_KEY: 'only-for-tests-0123456789-0123456789-0123456789',
    RATE_LIMITS: 'off',
    LOG_LEVEL: 'trace',
    ...options.environment,
  });
  const logger = createLogger({ name: 'test', level: settings.logLevel }, destination);
  const container = await createContainer(completeConfig(settings, {}), { logger, ...options.overrides });
  await container.start();
  if (options.hasDemoData !== false) await loadDemoData(container, { password: demoPassword });
  const app = await buildApp(container);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the server listens on no port');
  return {
    container,
    app,
    databaseUrl,
    rest: new Rest(`http://127.0.0.1:${address.port}`),
    log: () => lines.join(''),
    [Symbol.asyncDispose]: async () => {
      await app.close();
      await container.dispose();
    },
  };
}
