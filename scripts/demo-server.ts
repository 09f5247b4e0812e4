import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { findOnPath, isExecutable } from './run.ts';
import { livekitInCache } from './test-setup.ts';

const ROOT = join(import.meta.dirname, '..');
const PROBE_LIMIT_MS = 2_000;
const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 10_000;
const KEPT_OUTPUT = 8_000;

/** A server that the demo can use; disposing of it stops what the demo has started. */
export interface FoundServer extends AsyncDisposable {
  readonly origin: string;
  readonly how: string;
}

const health = z.object({ status: z.string(), dependencies: z.object({ livekit: z.object({ status: z.string() }) }) });

/** The server at this address, when one of ours answers there. */
export async function findServer(origin: string): Promise<FoundServer | null> {
  if (!(await isNeda(origin))) return null;
  return { origin, how: 'running already', [Symbol.asyncDispose]: async () => undefined };
}

/** Starts a server as `npm start` does, on a free port and with a data folder of its own. Throws with its output. */
export async function startServer(): Promise<FoundServer> {
  const dataDir = await mkdtemp(join(tmpdir(), 'neda-demo-'));
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  console.log('Starting a server for the demo …');
  const child = spawn(process.execPath, [join(ROOT, 'src', 'main.ts')], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'development', PATH: pathWithLivekit(), PORT: String(port), DATA_DIR: dataDir },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const keep = (chunk: Buffer): void => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const dispose = async (): Promise<void> => {
    await stop(child);
    await rm(dataDir, { recursive: true, force: true });
  };
  const deadlineMs = performance.now() + START_LIMIT_MS;
  while (!(await isNeda(origin))) {
    if (child.exitCode !== null || performance.now() > deadlineMs) {
      await dispose();
      throw new Error(`the server did not start. It wrote:\n${output}`);
    }
    await pause(100);
  }
  return { origin, how: 'started for the demo', [Symbol.asyncDispose]: dispose };
}

async function isNeda(origin: string): Promise<boolean> {
  try {
    const answer = await fetch(new URL('/health', origin), { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
    return health.safeParse(await answer.json()).success;
  } catch {
    return false;
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const killer = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
  await ended;
  clearTimeout(killer);
}

/** The server starts a livekit-server that is on PATH; the one that the tests use may be in a cache instead. */
function pathWithLivekit(): string {
  const path = process.env['PATH'] ?? '';
  const file = process.env['LIVEKIT_SERVER'] ?? livekitInCache();
  return findOnPath('livekit-server') === undefined && isExecutable(file)
    ? `${dirname(file)}${delimiter}${path}`
    : path;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return address.port;
}
