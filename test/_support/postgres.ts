import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { inject } from 'vitest';
import { bareEnvironment, ChildServer } from './child-server.ts';
import { freePort } from './ports.ts';
import { findPostgresBinaries } from './postgres-binaries.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';

const READY_LIMIT_MS = 60_000;
const MIGRATE_LIMIT_MS = 120_000;
const TEMPLATE = 'neda_template';
const run = promisify(execFile);

/** A real PostgreSQL cluster. Tests that stop or freeze PostgreSQL start one of their own. */
export interface TestPostgres {
  /** The superuser's URL of the database `postgres`. */
  readonly url: string;
  stop(): Promise<void>;
  /** `kill -9` of every process of the cluster. */
  kill(): Promise<void>;
  /** Starts again on the same port and data after `stop` or `kill`. */
  start(): Promise<void>;
  /** Freezes the whole cluster: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
  /** Stops it for good and removes its data. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** One database of a test file. */
export interface TestDatabase {
  readonly url: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts a PostgreSQL cluster on a free port, without fsync: a crash of the machine may lose it, `kill` does not. */
export async function startPostgres(): Promise<TestPostgres> {
  const binaries = await findPostgresBinaries();
  const directory = await makeTemporaryDirectory('postgres');
  if (binaries.runAs) await chown(directory, binaries.runAs.uid, binaries.runAs.gid);
  const dataDirectory = join(directory, 'data');
  const port = await freePort();
  const options = { env: { ...bareEnvironment(), LC_ALL: 'C.UTF-8' }, cwd: directory, ...binaries.runAs };

  await run(
    join(binaries.directory, 'initdb'),
    [
      '--pgdata',
      dataDirectory,
      '--username=postgres',
      '--auth=trust',
      '--encoding=UTF8',
      '--locale=C.UTF-8',
      '--no-sync',
    ],
    options,
  );
  const settings = {
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: directory,
    max_connections: '300',
    fsync: 'off',
    full_page_writes: 'off',
    log_min_messages: 'warning',
  };
  const args = [
    '-D',
    dataDirectory,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const launch = (): ChildServer =>
    new ChildServer({ name: 'postgres', file: join(binaries.directory, 'postgres'), args, ...options });
  let server = launch();
  await server.untilReady(() => answers(url), READY_LIMIT_MS);

  const stop = async (): Promise<void> => {
    // SIGINT is PostgreSQL's fast shutdown: it ends sessions and does not wait for them.
    if (server.running) await server.stop(30_000, 'SIGINT');
  };
  return {
    url,
    stop,
    kill: () => server.kill(),
    start: async () => {
      if (server.running) throw new Error('postgres runs already');
      server = launch();
      await server.untilReady(() => answers(url), READY_LIMIT_MS);
    },
    pause: () => server.pause(),
    resume: () => server.resume(),
    [Symbol.asyncDispose]: async () => {
      await stop();
      await removeDirectory(directory);
      await binaries.dispose();
    },
  };
}

/**
 * A migrated database of the caller's own, copied from the template in the cluster that the test run started
 * (or in `clusterUrl`). Dispose it in `afterAll`.
 */
export async function createDatabase(clusterUrl: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asSuperuser(
    clusterUrl,
    (sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE ${sql(TEMPLATE)} STRATEGY FILE_COPY`,
  );
  return {
    url: databaseUrl(clusterUrl, name),
    [Symbol.asyncDispose]: async () => {
      await asSuperuser(clusterUrl, (sql) => sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`);
    },
  };
}

/** An empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(clusterUrl: string = inject('postgresUrl')): Promise<TestDatabase> {
  const name = `empty_${randomBytes(6).toString('hex')}`;
  await asSuperuser(clusterUrl, (sql) => sql`CREATE DATABASE ${sql(name)} TEMPLATE template0`);
  return {
    url: databaseUrl(clusterUrl, name),
    [Symbol.asyncDispose]: async () => {
      await asSuperuser(clusterUrl, (sql) => sql`DROP DATABASE IF EXISTS ${sql(name)} WITH (FORCE)`);
    },
  };
}

/** Makes the migrated template by `npm run db:migrate`, as an operator would. Drops an older one. */
export async function makeTemplate(clusterUrl: string): Promise<void> {
  await asSuperuser(clusterUrl, (sql) => sql`DROP DATABASE IF EXISTS ${sql(TEMPLATE)} WITH (FORCE)`);
  await asSuperuser(clusterUrl, (sql) => sql`CREATE DATABASE ${sql(TEMPLATE)}`);
  await run('npm', ['run', '--silent', 'db:migrate'], {
    cwd: join(import.meta.dirname, '..', '..'),
    env: { ...bareEnvironment(), NODE_ENV: 'test', DATABASE_URL: databaseUrl(clusterUrl, TEMPLATE) },
    timeout: MIGRATE_LIMIT_MS,
  });
}

function databaseUrl(clusterUrl: string, name: string): string {
  const url = new URL(clusterUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function answers(url: string): Promise<boolean> {
  await asSuperuser(url, (sql) => sql`SELECT 1`);
  return true;
}

async function asSuperuser(url: string, statement: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(url, { max: 1, connect_timeout: 15, onnotice: () => undefined });
  try {
    await statement(sql);
  } finally {
    await sql.end({ timeout: 1 });
  }
}
