import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { banner, type DemoLogins, type RunningFacts } from './banner.ts';
import {
  completeConfig,
  ConfigFault,
  publicDemoPassword,
  readConfig,
  withEnvFile,
  type Config,
  type Settings,
} from './config.ts';
import type { Container } from './container.ts';
import { AppError } from './errors.ts';
import { tcpPortRefusal } from './infra/embedded/free-port.ts';
import { originOf, startEmbedded, type Embedded } from './infra/embedded/index.ts';
import { Lifecycle } from './infra/lifecycle.ts';
import { createLogger, type Logger } from './infra/logger.ts';
import { migrate } from './infra/migrate.ts';
import { checkPostgres, checkRedis, placeOf } from './infra/preflight.ts';
import { becomeSoleProcess } from './infra/sole-process.ts';
import { configExitCode, errorCode, StartFault } from './infra/start-fault.ts';

/** All phases of stopping together; the process promises 10 s. */
const stopMs = 9_000;
/** After this the process goes without waiting: the guards stop what it started. */
const hardStopMs = 9_600;
/** How long a step of the start that is under way may go on after a signal. */
const abandonStartMs = 2_000;
const parentLookMs = 500;

/** Aborted when the process is to end: by a signal, a lost lock, or an error that nobody caught. */
const ending = new AbortController();
let exitCode = 0;
let logger: Logger | null = null;
const lifecycle = new Lifecycle(
  {
    debug: (fields, message) => logger?.debug(fields, message),
    error: (fields, message) => logger?.error(fields, message),
  },
  stopMs,
);

await run();

async function run(): Promise<void> {
  watchSignals();
  watchParent();
  try {
    const command = process.argv[2] ?? 'serve';
    if (command === 'serve') {
      await Promise.race([serve(), abandoned()]);
      await endingAsked();
    } else if (command === 'migrate') {
      await Promise.race([migrateOnly(), abandoned()]);
    } else {
      throw new StartFault(`"${command}" is not a command. Use: node src/main.ts [serve|migrate]`, configExitCode);
    }
  } catch (error) {
    if (!ending.signal.aborted) {
      exitCode = error instanceof StartFault ? error.exitCode : error instanceof ConfigFault ? configExitCode : 1;
      complain(error);
    }
  }
  setTimeout(() => process.exit(exitCode || 1), hardStopMs);
  const isClean = await lifecycle.stop();
  process.exit(exitCode || (isClean ? 0 : 1));
}

/** The server itself is loaded here only: a refused configuration is said, and migrations run, without it. */
async function serve(): Promise<void> {
  const settings = readConfig(readEnvironment());
  await refuseBusyPort(settings.http);
  const embedded = await provide(settings, { media: true });
  const config = configWith(settings, embedded);
  logger = await loggerFor(config);

  if (settings.database) await checkPostgres(config.database.url);
  if (config.redis) await checkRedis(config.redis.url);
  else await holdDatabaseAlone(config);
  step();
  await migrate(config.database.url.reveal());
  step();

  const { createContainer } = await import('./container.ts');
  const container = await createContainer(config, { logger });
  lifecycle.onStop('parts', 3_000, () => container.dispose());
  const demo = await makeFirstData(container);
  step();
  const { buildApp } = await import('./app.ts');
  const app = await buildApp(container);
  lifecycle.onStop('requests and sockets', 4_000, () => app.close());
  await container.start();
  step();
  try {
    await app.listen({ host: config.http.host, port: config.http.port });
  } catch (error) {
    throw portFault(errorCode(error), config.http) ?? error;
  }
  step();
  if (config.environment !== 'production') {
    process.stdout.write(banner(factsOf(container, settings, embedded, demo), process.cwd()));
  }
}

async function migrateOnly(): Promise<void> {
  const settings = readConfig(readEnvironment());
  const embedded = await provide(settings, { media: false });
  const config = configWith(settings, embedded);
  if (settings.database) await checkPostgres(config.database.url);
  await migrate(config.database.url.reveal());
  process.stdout.write('The database has the schema of this release.\n');
}

/** The real environment and, behind it, `.env` of the working directory. */
function readEnvironment(): Readonly<Record<string, string | undefined>> {
  try {
    return withEnvFile(process.env, readFileSync('.env', 'utf8'));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return process.env;
    throw new StartFault(`./.env is there and cannot be read (${errorCode(error)}).`, configExitCode);
  }
}

function provide(settings: Settings, options: { readonly media: boolean }): Promise<Embedded> {
  return startEmbedded(settings, {
    pid: process.pid,
    searchPath: process.env['PATH'] ?? '',
    media: options.media,
    lifecycle,
    step,
  });
}

function configWith(settings: Settings, embedded: Embedded): Config {
  return completeConfig(settings, {
    ...(embedded.secretKey ? { secretKey: embedded.secretKey } : {}),
    ...(embedded.postgres ? { databaseUrl: embedded.postgres.url } : {}),
    ...(embedded.livekit ? { livekit: embedded.livekit } : {}),
  });
}

/** In development lines for people, where the development package is installed; else one JSON object a line. */
async function loggerFor(config: Config): Promise<Logger> {
  const options = { name: config.appName, level: config.logLevel };
  if (config.environment !== 'development') return createLogger(options);
  try {
    const { default: pretty } = await import('pino-pretty');
    return createLogger(
      options,
      pretty({
        colorize: process.stdout.isTTY,
        singleLine: true,
        translateTime: 'SYS:HH:MM:ss.l',
        ignore: 'pid,hostname,name',
        sync: true,
      }),
    );
  } catch {
    return createLogger(options);
  }
}

async function holdDatabaseAlone(config: Config): Promise<void> {
  const sole = await becomeSoleProcess(config.database.url, () => {
    logger?.fatal('another process without REDIS_URL has taken this database; this one stops');
    end(1);
  });
  lifecycle.onStop('sole process lock', 1_500, () => sole.release());
}

/** The first admin before the demo data: who names one in the environment gets that one. */
async function makeFirstData(container: Container): Promise<DemoLogins | null> {
  const { config, users } = container;
  const { ensureFirstAdmin, loadDemoData } = await import('./admin/index.ts');
  if (config.firstAdmin) {
    const { username, password } = config.firstAdmin;
    await named(
      'ADMIN_USERNAME, ADMIN_PASSWORD',
      ensureFirstAdmin(container, { username, password: password.reveal() }),
    );
  }
  if (!config.demoData.enabled) return null;
  const given = config.demoData.password?.reveal();
  const password = given ?? randomBytes(9).toString('base64url');
  const isNew = await named('DEMO_PASSWORD', loadDemoData(container, { password }));
  const usernames: string[] = [];
  for (const username of ['admin', 'alice', 'bob', 'carol']) {
    if (await users.findCredentials(username)) usernames.push(username);
  }
  if (usernames.length === 0) return null;
  if (given === undefined) return { usernames, password: isNew ? password : 'the one printed at the first start' };
  const shown = given === publicDemoPassword ? given : 'the one in DEMO_PASSWORD';
  return { usernames, password: isNew ? shown : `${shown}, unless it was changed` };
}

async function refuseBusyPort(http: Config['http']): Promise<void> {
  const code = await tcpPortRefusal(http.host, http.port);
  const fault = code === null ? null : portFault(code, http);
  if (fault !== null) throw fault;
}

/** A refusal of what the environment asked for, said with the variables that asked. */
async function named<T>(variables: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof AppError) || error.code === 'dependency_unavailable') throw error;
    const reasons = error.errors?.map(({ path, message }) => `${path} ${message}`) ?? [error.message];
    throw new StartFault(`${variables}: ${reasons.join('; ')}. Choose another.`, configExitCode);
  }
}

function portFault(code: string, { host, port }: Config['http']): StartFault | null {
  switch (code) {
    case 'EADDRINUSE':
      return new StartFault(
        `PORT: ${port} on ${host} is in use. Stop the program that has it, or set PORT to another.`,
      );
    case 'EACCES':
      return new StartFault(`PORT: ${port} may not be used by this user. Set PORT to 1024 or above.`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new StartFault(`HOST: ${host} is no address of this machine. Use 127.0.0.1 or 0.0.0.0.`);
    default:
      return null;
  }
}

function factsOf(
  { config, version }: Container,
  settings: Settings,
  embedded: Embedded,
  demo: DemoLogins | null,
): RunningFacts {
  const { postgres, media } = embedded;
  return {
    appName: config.appName,
    version,
    origin: originOf(config.http),
    postgres: postgres
      ? { kind: 'embedded', port: postgres.port, folder: postgres.folder }
      : { kind: 'given', place: placeOf(config.database.url, '5432') },
    redisPlace: config.redis ? placeOf(config.redis.url, '6379') : null,
    media: settings.livekit
      ? { kind: 'given', publicUrl: settings.livekit.publicUrl }
      : media === undefined
        ? { kind: 'off' }
        : media.kind === 'started'
          ? { kind: 'started', publicUrl: media.livekit.publicUrl }
          : media.kind === 'shared'
            ? { kind: 'shared', publicUrl: media.livekit.publicUrl, ownerPid: media.ownerPid }
            : media,
    demo,
  };
}

/** Ctrl-C reaches the process twice under npm, from the terminal and from npm: more of the same changes nothing. */
function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!ending.signal.aborted) logger?.info({ signal }, 'stopping');
      end(0);
    });
  }
  // A terminal that was closed takes no more lines; the process stops as after SIGHUP.
  process.stdout.on('error', () => end(0));
  process.stderr.on('error', () => end(0));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (logger) logger.fatal({ err: error, event }, 'an error that nobody caught; the process stops');
      else complain(error);
      end(1);
    });
  }
}

/** Under npm, the process goes with npm: who kills npm (kill -9 included) does not look for what it ran. */
function watchParent(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parentPid = process.ppid;
  setInterval(() => {
    if (process.ppid !== parentPid) end(0);
  }, parentLookMs).unref();
}

function end(code: number): void {
  exitCode ||= code;
  ending.abort();
}

function step(): void {
  ending.signal.throwIfAborted();
}

function endingAsked(): Promise<void> {
  return new Promise((resolve) => {
    if (ending.signal.aborted) resolve();
    else ending.signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

async function abandoned(): Promise<void> {
  await endingAsked();
  await sleep(abandonStartMs);
}

/** A fault that the operator can mend is said in its own words; anything else with its stack. */
function complain(error: unknown): void {
  const text =
    error instanceof StartFault || error instanceof ConfigFault || error instanceof AppError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`${text}\n`);
}
