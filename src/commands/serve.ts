import { banner, type DemoLogins, type NetworkFacts, type RunningFacts } from '../banner.ts';
import { readConfig, withLan, type Config, type Settings } from '../config.ts';
import type { Container } from '../container.ts';
import { tcpPortRefusal } from '../infra/embedded/free-port.ts';
import { originOf, type Embedded } from '../infra/embedded/index.ts';
import { listenAlso, type FurtherListener } from '../infra/further-listener.ts';
import { createLogger, type Logger } from '../infra/logger.ts';
import { migrate } from '../infra/migrate.ts';
import { checkPostgres, checkRedis, placeOf } from '../infra/preflight.ts';
import { evictsKeys, type RedisFacts } from '../infra/probes/redis.ts';
import { becomeSoleProcess } from '../infra/sole-process.ts';
import { errorCode, StartFault } from '../infra/start-fault.ts';
import type { Command, CommandRun, Terminal } from './command.ts';
import { makeFirstData } from './first-data.ts';
import { findLanAddress, networkFacts } from './lan.ts';
import { readServeArguments, serveHelp } from './serve-arguments.ts';
import { provide, readEnvironment } from './settings.ts';

export const serveCommand: Command = {
  summary: 'run the server until it is told to stop; with --lan for the phones in this network too (serve --help)',
  isService: true,
  run: async (run) => {
    const read = readServeArguments(run.terminal.args);
    if (read.kind === 'help') {
      run.terminal.stdout.write(serveHelp);
      return 0;
    }
    await serve(run, read.lan);
    await untilAborted(run.ending);
    return 0;
  },
};

/** The server itself is loaded here only: a refused configuration is said without it. */
async function serve(run: CommandRun, lan: { readonly address: string | null } | null): Promise<void> {
  const { terminal, lifecycle, step } = run;
  const given = readConfig(readEnvironment(terminal), undefined, { lan: lan !== null });
  const chosen = lan === null ? null : findLanAddress(lan.address);
  const settings = chosen === null ? given : withLan(given, chosen.address);
  for (const place of placesOf(settings.http)) await refuseBusyPort(place);
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
  const further: FurtherListener[] = [];
  lifecycle.onStop('requests and sockets', 4_000, async () => {
    await Promise.all([...further.map((listener) => listener.close()), app.close()]);
  });
  await container.start();
  step();
  const [first, ...others] = placesOf(config.http);
  await naming(first, () => app.listen({ ...first }));
  for (const place of others) further.push(await naming(place, () => listenAlso(app.server, place)));
  step();
  if (config.environment !== 'production') {
    const network = chosen === null ? null : await networkFacts(container, chosen);
    terminal.stdout.write(banner(factsOf(container, settings, embedded, demo, network), terminal.workingDir));
  }
}

interface Place {
  readonly variable: 'HOST' | '--lan';
  readonly host: string;
  readonly port: number;
}

/** Where to listen: the first opens the HTTP server, the others hand it their sockets. */
function placesOf({ host, port, lanAddress }: Config['http']): readonly [Place, ...Place[]] {
  const own: Place = { variable: 'HOST', host, port };
  return lanAddress === null ? [own] : [{ variable: '--lan', host: lanAddress, port }, own];
}

async function naming<T>(place: Place, listen: () => Promise<T>): Promise<T> {
  try {
    return await listen();
  } catch (error) {
    throw portFault(errorCode(error), place) ?? error;
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

async function refuseBusyPort(place: Place): Promise<void> {
  const code = await tcpPortRefusal(place.host, place.port);
  const fault = code === null ? null : portFault(code, place);
  if (fault !== null) throw fault;
}

function portFault(code: string, { variable, host, port }: Place): StartFault | null {
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
      return new StartFault(
        variable === 'HOST'
          ? `HOST: ${host} is no address of this machine. Use 127.0.0.1 or 0.0.0.0.`
          : `--lan: ${host} is no address of this machine any more. Start again.`,
      );
    default:
      return null;
  }
}

function factsOf(
  { config, version }: Container,
  settings: Settings,
  embedded: Embedded,
  demo: DemoLogins | null,
  network: NetworkFacts | null,
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
        ? { kind: network === null ? 'off' : 'not_in_network' }
        : media.kind === 'started'
          ? { kind: 'started', publicUrl: media.livekit.publicUrl }
          : media.kind === 'shared'
            ? { kind: 'shared', publicUrl: media.livekit.publicUrl, ownerPid: media.ownerPid }
            : media,
    demo,
    network,
  };
}
