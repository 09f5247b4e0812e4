import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { z } from 'zod';
import type { BenchServer } from './bench-server.ts';
import type { GroupSeats } from './generator-messages.ts';

const FLOOR_SERVER = new URL('./bare-floor-server.ts', import.meta.url);
const NET_SERVER = new URL('./bare-net-server.ts', import.meta.url);
const listeningSchema = z.object({ port: z.number().int() });

interface BareProcess {
  readonly port: number;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a bare floor server on a free port. Rejects when it does not come up. */
export async function startBareServer(redisUrl: string): Promise<BenchServer> {
  return serverOf([await startProcess(FLOOR_SERVER, { REDIS_URL: redisUrl })], 'websocket');
}

/** As `startBareServer`, in two processes: talkers at the one, listeners at the other, packets by Redis. */
export async function startBarePair(redisUrl: string): Promise<BenchServer> {
  const talkers = await startProcess(FLOOR_SERVER, { REDIS_URL: redisUrl, PACKETS: 'publish' });
  try {
    const listeners = await startProcess(FLOOR_SERVER, { REDIS_URL: redisUrl, PACKETS: 'subscribe' });
    return serverOf([talkers, listeners], 'websocket');
  } catch (error) {
    await talkers.stop();
    throw error;
  }
}

/** Starts a bare forwarder of bytes on a free port. */
export async function startNetServer(): Promise<BenchServer> {
  return serverOf([await startProcess(NET_SERVER, {})], 'raw');
}

function serverOf(processes: readonly [BareProcess, BareProcess?], packets: BenchServer['packets']): BenchServer {
  const [talkers, listeners = talkers] = processes;
  const all = [...new Set([talkers, listeners])];
  return {
    host: '127.0.0.1',
    port: talkers.port,
    listenersPort: listeners.port,
    pids: all.map(({ pid }) => pid),
    packets,
    seatGroups: async (groups, seatsPerGroup) => inventSeats(groups, seatsPerGroup),
    stop: async () => void (await Promise.all(all.map((each) => each.stop()))),
  };
}

/** Nobody signs in here: a token is a user's id, and a group is whatever is joined. */
function inventSeats(groups: number, seatsPerGroup: number): GroupSeats[] {
  return Array.from({ length: groups }, () => ({
    groupId: randomUUID(),
    tokens: Array.from({ length: seatsPerGroup }, () => randomUUID()),
  }));
}

async function startProcess(program: URL, env: Readonly<Record<string, string>>): Promise<BareProcess> {
  // A session of its own, as NEDA has: Linux shares the processor out among sessions.
  const child = fork(program, { detached: true, execArgv: [], env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const exited = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message: unknown) => resolve(listeningSchema.parse(message).port));
    child.once('exit', () => reject(new Error('the bare server ended before it listened')));
  });
  return {
    port,
    pid: child.pid ?? -1,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
