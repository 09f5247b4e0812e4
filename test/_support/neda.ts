import { join } from 'node:path';
import { bareEnvironment, ChildServer } from './child-server.ts';
import { freePort } from './ports.ts';
import { belongsTo, livingProcesses, type ProcessEntry } from './process-table.ts';
import { Rest } from './rest.ts';
import { makeTemporaryDirectory, removeDirectory } from './temporary-directory.ts';
import { until } from './until.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const READY_LIMIT_MS = 60_000;
/** Shutdown is promised within 10 s; the rest is for a machine that has other things to do. */
const STOP_LIMIT_MS = 15_000;

export interface NedaOptions {
  /** Left out: the server starts its own PostgreSQL. */
  readonly databaseUrl?: string;
  /** Left out: the in-process live store. */
  readonly redisUrl?: string;
  /** `TestLivekit.env`; left out: whatever the server finds on PATH. */
  readonly livekit?: Readonly<Record<string, string>>;
  /** More variables; they win over everything else. */
  readonly env?: Readonly<Record<string, string>>;
  /** A directory to run in that is kept, for a second start on the same data. */
  readonly directory?: string;
  readonly port?: number;
  /** What stands behind `node src/main.ts`; left out: nothing. */
  readonly args?: readonly string[];
  /** Where the source stands that it runs; left out: this repository. */
  readonly repository?: string;
}

/** The real server, started as `node src/main.ts`, from outside. */
export interface Neda {
  readonly origin: string;
  readonly port: number;
  readonly rest: Rest;
  readonly process: ChildServer;
  /** Its working directory and the place of its data folder. */
  readonly directory: string;
  /** SIGTERM; returns the exit code and throws when it takes much longer than 10 s. */
  stop(): Promise<number | null>;
  /** `kill -9` of the server alone: what it started is not asked. */
  kill(): Promise<void>;
  /** Freezes and thaws the server alone, as a stopped virtual machine would. */
  pause(): void;
  resume(): void;
  /** Waits until nothing that it started lives any more; throws with the list of what does. */
  expectNothingLeft(limitMs?: number): Promise<void>;
  /** Kills everything and removes the directory when it was made here. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Starts the server with rate limits off and waits until `/readyz` answers 200; throws with its output when it ends. */
export async function startNeda(options: NedaOptions = {}): Promise<Neda> {
  const neda = await launchNeda(options);
  try {
    await neda.process.untilReady(
      async () => (await neda.rest.request('GET', '/readyz')).status === 200,
      READY_LIMIT_MS,
    );
    return neda;
  } catch (error) {
    await neda[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts the server and waits for nothing: for tests of a start that fails. */
export async function launchNeda(options: NedaOptions = {}): Promise<Neda> {
  const port = options.port ?? (await freePort());
  const directory = options.directory ?? (await makeTemporaryDirectory('server'));
  const child = new ChildServer({
    name: 'neda',
    file: join(REPOSITORY, 'node_modules', '.bin', 'node'),
    args: [join(options.repository ?? REPOSITORY, 'src', 'main.ts'), ...(options.args ?? [])],
    cwd: directory,
    env: {
      ...bareEnvironment(),
      PORT: String(port),
      RATE_LIMITS: 'off',
      ...(options.databaseUrl === undefined ? {} : { DATABASE_URL: options.databaseUrl }),
      ...(options.redisUrl === undefined ? {} : { REDIS_URL: options.redisUrl }),
      ...options.livekit,
      ...options.env,
    },
  });
  const origin = `http://127.0.0.1:${port}`;
  // The servers beside it run with an environment of their own: they are known by the directory.
  const left = (): ProcessEntry[] => [
    ...child.survivors(),
    ...livingProcesses().filter(({ pid }) => belongsTo(pid, directory)),
  ];
  return {
    origin,
    port,
    directory,
    rest: new Rest(origin),
    process: child,
    stop: () => child.stop(STOP_LIMIT_MS),
    kill: async () => {
      child.signalOnlyThis('SIGKILL');
      await child.untilExit(STOP_LIMIT_MS);
    },
    pause: () => child.signalOnlyThis('SIGSTOP'),
    resume: () => child.signalOnlyThis('SIGCONT'),
    expectNothingLeft: async (limitMs = 10_000) => {
      await until(() => left().length === 0, {
        limitMs,
        describe: () => `nothing is left of the server. Still here: ${list(left())}`,
      });
    },
    [Symbol.asyncDispose]: async () => {
      if (child.running) await child.kill();
      // In a kept directory another server may run by now.
      for (const { pid } of options.directory === undefined ? left() : child.survivors()) killIfAlive(pid);
      if (options.directory === undefined) await removeDirectory(directory);
    },
  };
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // it ended meanwhile
  }
}

function list(entries: readonly ProcessEntry[]): string {
  return entries.map(({ pid, command }) => `${command} (${pid})`).join(', ');
}
