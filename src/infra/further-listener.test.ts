import { once } from 'node:events';
import { createServer, get, Agent, type IncomingMessage, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { listenAlso, type FurtherListener } from './further-listener.ts';

/** On Linux all of 127.0.0.0/8 is loopback; elsewhere the second address is that of IPv6. */
const further = process.platform === 'linux' ? '127.0.0.2' : '::1';
const authority = (port: number): string => `${further.includes(':') ? `[${further}]` : further}:${port}`;

let server: Server;
let listener: FurtherListener;
let port: number;

beforeEach(async () => {
  server = createServer();
  port = await listen(server);
  listener = await listenAlso(server, { host: further, port });
});
afterEach(async () => {
  server.closeAllConnections();
  await Promise.all([listener.close(), new Promise((resolve) => server.close(resolve))]);
});

async function listen(made: Server): Promise<number> {
  made.listen(0, '127.0.0.1');
  await once(made, 'listening');
  const address = made.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

function ask(agent?: Agent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    get(`http://${authority(port)}/`, { agent }, resolve).on('error', reject);
  });
}

function refusalOf(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
    socket.on('connect', () => reject(new Error('it is taken')));
  });
}

it('answers requests and upgrades of both addresses by one server', async () => {
  server.on('request', (request, response) => response.end(request.socket.localAddress));
  const webSockets = new WebSocketServer({ server });
  webSockets.on('connection', (socket) => socket.on('message', (data) => socket.send(data)));
  expect(await text(await ask())).toBe(further);
  const own = await fetch(`http://127.0.0.1:${port}/`);
  expect(await own.text()).toBe('127.0.0.1');

  const socket = new WebSocket(`ws://${authority(port)}/`);
  await once(socket, 'open');
  socket.send('over the further address');
  const [data] = await once(socket, 'message');
  expect(String(data)).toBe('over the further address');
  socket.terminate();
});

it('ends with the server, when a request that is under way has its answer', async () => {
  const agent = new Agent({ keepAlive: true });
  let answer: (() => void) | undefined;
  server.on('request', (_request, response) => {
    response.setHeader('connection', 'close');
    answer = () => response.end('late');
  });
  const pending = ask(agent);
  await once(server, 'request');
  let hasClosed = false;
  const closed = Promise.all([listener.close(), new Promise((resolve) => server.close(resolve))]).then(() => {
    hasClosed = true;
  });
  expect(await refusalOf(connect(port, further))).toBe('ECONNREFUSED');
  expect(hasClosed).toBe(false);
  answer?.();
  expect(await text(await pending)).toBe('late');
  await closed;
  agent.destroy();
});

it('ends connections that are kept alive with the server', async () => {
  const agent = new Agent({ keepAlive: true });
  server.on('request', (_request, response) => response.end('first'));
  expect(await text(await ask(agent))).toBe('first');
  await Promise.all([listener.close(), new Promise((resolve) => server.close(resolve))]);
  agent.destroy();
});

it('rejects with the code of the system when the address is taken', async () => {
  await expect(listenAlso(server, { host: further, port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
