import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createDatabase } from './postgres.ts';

const authenticationOk = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 0]);
const readyForQuery = Buffer.from([0x5a, 0, 0, 0, 5, 0x49]);

/** Signs everybody in and hangs up at the first thing that is asked. */
let server: Server;
let asked: string[];
let unhandled: unknown[];

beforeEach(async () => {
  asked = [];
  unhandled = [];
  process.on('unhandledRejection', remember);
  server = createServer(signIn);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
});

afterEach(() => {
  process.off('unhandledRejection', remember);
  server.close();
});

function ignore(): void {}

function remember(reason: unknown): void {
  unhandled.push(reason);
}

function signIn(socket: Socket): void {
  socket.once('data', () => {
    socket.write(Buffer.concat([authenticationOk, readyForQuery]));
    socket.once('data', (question: Buffer) => {
      asked.push(question.toString('latin1'));
      socket.destroy();
    });
  });
  socket.on('error', () => socket.destroy());
}

it('hands the loss of a new connection to whoever asked, and to nobody else', async () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const database = createDatabase({ url: `postgres://user@127.0.0.1:${address.port}/db`, applicationName: 'test' });
  const away = { code: 'dependency_unavailable', dependency: 'postgres' };
  await expect(database.ping()).rejects.toMatchObject(away);
  await expect(database.transaction(async () => 1)).rejects.toMatchObject(away);
  await expect(database.listen('channel', ignore, ignore)).rejects.toMatchObject(away);
  await database.close();
  expect(asked[0]).toContain('select 1');
  expect(unhandled).toEqual([]);
});

const began = Buffer.from('C\0\0\0\nBEGIN\0Z\0\0\0\x05T', 'latin1');

it.each(['destroy', 'resetAndDestroy'] as const)(
  'survives the loss of a connection in the middle of a transaction (%s)',
  async (end) => {
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => {
      socket.on('error', ignore);
      socket.once('data', () => {
        socket.write(Buffer.concat([authenticationOk, readyForQuery]));
        socket.once('data', () => {
          socket.write(began);
          socket.once('data', () => socket[end]());
        });
      });
    });
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const database = createDatabase({ url: `postgres://user@127.0.0.1:${address.port}/db`, applicationName: 'test' });
    const uncaught: unknown[] = [];
    const keep = (error: unknown): void => void uncaught.push(error);
    const others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException').on('uncaughtException', keep);
    try {
      const steps = Array.from({ length: 20 }, () => database.transaction((tx) => tx.execute('select 1')));
      const results = await Promise.allSettled(steps);
      expect(results.map(({ status }) => status)).toEqual(results.map(() => 'rejected'));
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of others) process.on('uncaughtException', listener);
      await database.close();
    }
    expect(uncaught).toEqual([]);
    expect(unhandled).toEqual([]);
  },
);
