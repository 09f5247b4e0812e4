import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../config.ts';
import { probeRedis } from './redis.ts';

/** How late the answers to the pings come: most of them late, as on a machine that has other things to do. */
const SLOW_MS = 700;
const delays = [SLOW_MS, 0, SLOW_MS, 0, SLOW_MS];

let server: Server;
afterEach(() => {
  server.close();
});

/** Answers PING; everything else that is asked is not allowed. */
async function startRedis(): Promise<string> {
  let pings = 0;
  server = createServer((socket) => {
    socket.on('data', (chunk) => {
      const commands = chunk.toString('latin1').matchAll(/\*\d+\r\n\$\d+\r\n(\w+)/g);
      for (const [, command = ''] of commands) {
        if (command.toLowerCase() === 'ping') setTimeout(() => socket.write('+PONG\r\n'), delays[pings++]);
        else socket.write(command.toLowerCase() === 'hello' ? '*0\r\n' : '-NOPERM\r\n');
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return `redis://127.0.0.1:${address.port}`;
}

it('takes the time of the quickest answer for how far away Redis is', async () => {
  const { latencyMs } = await probeRedis(new Secret(await startRedis()), 15_000);
  expect(latencyMs).toBeLessThan(SLOW_MS);
});
