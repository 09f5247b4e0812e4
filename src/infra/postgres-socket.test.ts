import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, it } from 'vitest';
import { openPostgresSocket } from './postgres-socket.ts';

async function hangUp(listen: (socket: ReturnType<typeof openPostgresSocket>) => void): Promise<void> {
  const server = createServer((socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const socket = openPostgresSocket({ host: ['127.0.0.1'], port: [address.port] });
  listen(socket);
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  server.close();
}

it('tells a loss as an error, rejects what is written after it, and ends when nothing more is written', async () => {
  const told: string[] = [];
  await hangUp((socket) => {
    socket.on('close', () => told.push('close'));
    socket.on('error', () => {
      told.push('error');
      if (told.length < 3) setImmediate(() => socket.write('ROLLBACK'));
    });
  });
  expect(told).toEqual(['error', 'error', 'error', 'close']);
});

it('ends without an error where nobody would hear it', async () => {
  await expect(hangUp(() => undefined)).resolves.toBeUndefined();
});
