import { randomBytes } from 'node:crypto';
import { banner, type DemoLogins, type RunningFacts } from '../banner.ts';
import { publicDemoPassword, readConfig, type Config, type Settings } from '../config.ts';
import type { Container } from '../container.ts';
import { AppError } from '../errors.ts';
import { tcpPortRefusal } from '../infra/embedded/free-port.ts';
import { originOf, type Embedded } from '../infra/embedded/index.ts';
import { createLogger, type Logger } from '../infra/logger.ts';
import { migrate } from '../infra/migrate.ts';
import { checkPostgres, checkRedis, placeOf } from '../infra/preflight.ts';
import { evictsKeys, type RedisFacts } from '../infra/probes/redis.ts';
import { becomeSoleProcess } from '../infra/sole-process.ts';
import { configExitCode, errorCode, StartFault } from '../infra/start-fault.ts';
import type { Command, CommandRun, Terminal } from './command.ts';
import { provide, readEnvironment } from './settings.ts';

export const serveCommand: Command = {
  summary: 'run the server until it is told to stop',
  isService: true,
  run: async (run) => {
    await serve(run);
    await untilAborted(run.ending);
    return 0;
  },
};

/** The server itself is loaded here only: a refused configuration is said without it. */
async function serve(run: CommandRun): Promise<void> {
  const { terminal, lifecycle, step } = run;
  const settings = readConfig(readEnvironment(terminal));
  await refuseBusyPort(settings.http);
  const { config, embedded } = await provide(settings, run, 'server');
  const logger = await loggerFor(config, terminal);
  run.useLogger(logger);

  if (settings.database) await checkPostgres(config.database.url);
  if (config.redis) warnOfEviction(await checkRedis(config.redis.url), logger);
  else await holdDatabaseAlone(config, run, logger);
  step();
  await migrate(config.database.url.reveal());
  step();

  const { createContainer } = await import('../container.ts');
  const container = await createContainer(config, { logger });
  lifecycle.onStop('parts', 3_000, () => container.dispose());
  const demo = await makeFirstData(container);
  step();
  const { buildApp } = await import('../app.ts');
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
    terminal.stdout.write(banner(factsOf(container, settings, embedded, demo), terminal.workingDir));
  }
}

/** The start goes on: until memory is short, everything works. */
function warnOfEviction({ info }: RedisFacts, logger: Logger): void {
  if (info === null || !evictsKeys(info)) return;
  const { evictionPolicy, maxMemoryBytes } = info;
  logger.warn(
    { evictionPolicy, maxMemoryBytes },
    'REDIS_URL: this Redis throws keys away when its memory is full, and talks and presence with them; set its maxmemory-policy to noeviction',
  );
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** In development lines for people, where the development package is installed; else one JSON object a line. */
async function loggerFor(config: Config, { stdout }: Terminal): Promise<Logger> {
  const options = { name: config.appName, level: config.logLevel };
  if (config.environment !== 'development') return createLogger(options);
  try {
    const { default: pretty } = await import('pino-pretty');
    return createLogger(
      options,
      pretty({
        colorize: stdout.isTTY === true,
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

async function holdDatabaseAlone(config: Config, { lifecycle, end }: CommandRun, logger: Logger): Promise<void> {
  const sole = await becomeSoleProcess(config.database.url, () => {
    logger.fatal('another process without REDIS_URL has taken this database; this one stops');
    end(1);
  });
  lifecycle.onStop('sole process lock', 1_500, () => sole.release());
}

/** The first admin before the demo data: who names one in the environment gets that one. */
async function makeFirstData(container: Container): Promise<DemoLogins | null> {
  const { config, users } = container;
  const { ensureFirstAdmin, loadDemoData } = await import('../admin/index.ts');
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
    hasTalkPage: config.http.talkPage,
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
