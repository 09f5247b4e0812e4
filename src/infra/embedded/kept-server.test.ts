import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type GuardedChild, startGuarded } from './guarded-child.ts';
import { type KeptServer, keepServer } from './kept-server.ts';

const times = { firstPauseMs: 20, steadyMs: 60_000, mostFailures: 4 };

let folder: string;
let lines: string[];
let ending: AbortController;
let begun: { readonly child: GuardedChild; readonly atMs: number }[];
const kept: KeptServer[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'neda-kept-'));
  lines = [];
  begun = [];
  ending = new AbortController();
});

afterEach(async () => {
  await Promise.all(kept.splice(0).map((server) => server.stop()));
  for (const { child } of begun) await child.stop();
  rmSync(folder, { recursive: true });
});

async function run(script: string): Promise<GuardedChild> {
  const child = await startGuarded({
    command: '/bin/sh',
    args: ['-c', script],
    cwd: '/',
    logFile: join(folder, 'log'),
    stopSignals: [['SIGTERM', 2_000]],
  });
  begun.push({ child, atMs: performance.now() });
  return child;
}

function keep(
  child: GuardedChild,
  startAgain: (unwanted: AbortSignal) => Promise<GuardedChild | null>,
  ownTimes: Partial<typeof times> = {},
): KeptServer {
  const log = {
    warn: (fields: object, message: string) => void lines.push(`warn ${message} ${JSON.stringify(fields)}`),
    error: (fields: object, message: string) => void lines.push(`error ${message} ${JSON.stringify(fields)}`),
  };
  const logFile = join(folder, 'log');
  const server = keepServer({
    name: 'a server',
    logFile,
    child,
    startAgain,
    log,
    ending: ending.signal,
    times: { ...times, ...ownTimes },
  });
  kept.push(server);
  return server;
}

const lives = 'exec sleep 60';

it('is started again when it is killed, and says so in one line', async () => {
  const first = await run(lives);
  const again = Promise.withResolvers<GuardedChild>();
  keep(first, async () => {
    const child = await run(lives);
    again.resolve(child);
    return child;
  });
  process.kill(first.pid, 'SIGKILL');
  await again.promise;
  await expect.poll(() => lines, { timeout: 10_000 }).toHaveLength(1);
  expect(lines[0]).toMatch(/^warn .*"server":"a server".*"signal":"SIGKILL"/);
});

it('is given up with one line when it ends at once again and again, after pauses that grow', async () => {
  const first = await run('exit 3');
  keep(first, () => run('exit 3'));
  await expect.poll(() => lines.at(-1), { timeout: 20_000 }).toMatch(/^error .*"failures":4/);
  expect(lines.filter((line) => line.startsWith('error'))).toHaveLength(1);
  expect(begun).toHaveLength(1 + times.mostFailures);
  const starts = begun.map(({ atMs }) => atMs);
  const pauses = starts.slice(1).map((atMs, index) => atMs - (starts[index] ?? 0));
  pauses.forEach((pauseMs, index) => expect(pauseMs).toBeGreaterThanOrEqual(times.firstPauseMs * 2 ** index - 2));
});

it('is tried again when it does not come up, whatever the failure', async () => {
  const first = await run('exit 0');
  let attempts = 0;
  keep(first, async () => {
    attempts += 1;
    if (attempts === 1) throw new Error('it cannot be executed');
    return attempts === 2 ? null : run(lives);
  });
  await expect.poll(() => lines, { timeout: 10_000 }).toHaveLength(1);
  expect(attempts).toBe(3);
});

it('has failed for the first time again when it has been up for long', async () => {
  const first = await run('exit 0');
  keep(first, () => run('sleep 0.1'), { steadyMs: 50, firstPauseMs: 1 });
  await expect.poll(() => lines.length, { timeout: 20_000 }).toBeGreaterThan(times.mostFailures + 1);
  expect(lines.every((line) => line.startsWith('warn'))).toBe(true);
});

it('is not started again once it was stopped, and what was just being started is stopped too', async () => {
  const first = await run(lives);
  const starting = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const server = keep(first, async () => {
    const child = await run(lives);
    starting.resolve();
    await goOn.promise;
    return child;
  });
  process.kill(first.pid, 'SIGKILL');
  await starting.promise;
  const stopped = server.stop();
  goOn.resolve();
  await stopped;
  expect(begun).toHaveLength(2);
  expect(begun.every(({ child }) => child.hasExited())).toBe(true);
  expect(lines).toEqual([]);
});

it('is not started again when the process is about to stop', async () => {
  const first = await run(lives);
  keep(first, () => run(lives), { firstPauseMs: 0 });
  ending.abort();
  expect(first.hasExited()).toBe(false);
  ending = new AbortController();
  const other = await run(lives);
  const isBack = Promise.withResolvers<void>();
  keep(
    other,
    async () => {
      const child = await run(lives);
      isBack.resolve();
      return child;
    },
    { firstPauseMs: 50 },
  );
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  process.kill(other.pid, 'SIGKILL');
  // The other one, of a process that goes on, is there again.
  await isBack.promise;
  expect(begun).toHaveLength(3);
});

it('is not started at all when it is stopped in the pause before', async () => {
  const first = await run(lives);
  const server = keep(first, () => run(lives), { firstPauseMs: 60_000 });
  process.kill(first.pid, 'SIGKILL');
  await first.exited;
  await server.stop();
  expect(begun).toHaveLength(1);
});
