import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { z } from 'zod';
import type { BenchServer } from './bench-server.ts';

const PROGRAM = new URL('./bare-floor-server.ts', import.meta.url);
const listeningSchema = z.object({ port: z.number().int() });

/** Starts a bare floor server on a free port. Rejects when it does not come up. */
export async function startBareServer(redisUrl: string): Promise<BenchServer> {
  const child = fork(PROGRAM, {
    execArgv: [],
    env: { REDIS_URL: redisUrl },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message: unknown) => resolve(listeningSchema.parse(message).port));
    child.once('exit', () => reject(new Error('the bare floor server ended before it listened')));
  });
  return {
    host: '127.0.0.1',
    port,
    pid: child.pid ?? -1,
    // Nobody signs in here: a token is a user's id, and a group is whatever is joined.
    seatGroups: async (groups, seatsPerGroup) =>
      Array.from({ length: groups }, () => ({
        groupId: randomUUID(),
        tokens: Array.from({ length: seatsPerGroup }, () => randomUUID()),
      })),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
