import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type RawData, WebSocketServer } from 'ws';
import { until } from '../_support/until.ts';
import { FloorClient, kindOfTalkMessage, MessageKind, openFloorClient } from './floor-client.ts';
import { clientBinaryFrame, clientTextFrame, readClientText, serverTextFrame } from './websocket-frames.ts';

const LIMIT_MS = 5_000;
const cleanups: (() => void)[] = [];

afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup();
});

/** A WebSocket server of the ws library that answers like a floor server; returns its port and what it received. */
async function startAnsweringServer(): Promise<{ port: number; received: unknown[]; server: WebSocketServer }> {
  const received: unknown[] = [];
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => {
    socket.on('message', (data: RawData) => {
      if (!Buffer.isBuffer(data)) return;
      const message: unknown = JSON.parse(data.toString());
      received.push(message);
      const type = typeof message === 'object' && message !== null && 'type' in message ? message.type : '';
      if (type === 'HELLO') socket.send('{"type":"READY"}');
      if (type === 'JOIN_GROUP') socket.send('{"type":"GROUP_JOINED"}');
    });
  });
  cleanups.push(() => {
    for (const client of server.clients) client.terminate();
    server.close();
  });
  await once(server, 'listening');
  return { port: portOf(server.address()), received, server };
}

/** A server that answers the upgrade by hand and then writes exactly the given bytes, one by one. */
async function startByteServer(bytes: Buffer): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.setNoDelay(true);
    socket.once('data', () => {
      const all = Buffer.concat([Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n'), bytes]);
      let next = 0;
      const writeOne = (): void => {
        if (next === all.length || socket.destroyed) return;
        socket.write(all.subarray(next, next + 1), () => setImmediate(writeOne));
        next += 1;
      };
      writeOne();
    });
    socket.on('error', () => undefined);
  });
  server.listen(0, '127.0.0.1');
  cleanups.push(() => server.close());
  await once(server, 'listening');
  return portOf(server.address());
}

function portOf(address: unknown): number {
  if (typeof address === 'object' && address !== null && 'port' in address && typeof address.port === 'number') {
    return address.port;
  }
  throw new Error('the server has no port');
}

test('what it sends is understood by another implementation of WebSocket', async () => {
  const { port, received } = await startAnsweringServer();
  const client = await openFloorClient({ host: '127.0.0.1', port, groupId: 'g-1', token: `ü${'t'.repeat(300)}` });
  cleanups.push(() => client.close());
  client.requestTalk();
  client.releaseTalk();
  await until(() => received.length === 4, { limitMs: LIMIT_MS, describe: () => '4 messages came' });
  expect(received).toEqual([
    { type: 'HELLO', id: 'hello', token: `ü${'t'.repeat(300)}` },
    { type: 'JOIN_GROUP', id: 'join', groupId: 'g-1' },
    { type: 'REQUEST_TALK', id: 'press', groupId: 'g-1' },
    { type: 'RELEASE_TALK', id: 'release', groupId: 'g-1' },
  ]);
});

test('a ping is answered', async () => {
  const { port, server } = await startAnsweringServer();
  const client = await openFloorClient({ host: '127.0.0.1', port, groupId: 'g-1', token: 't' });
  cleanups.push(() => client.close());
  const [socket] = server.clients;
  if (socket === undefined) throw new Error('nobody is connected');
  const payloads: string[] = [];
  socket.on('pong', (payload) => payloads.push(payload.toString()));
  socket.ping('are you there');
  await until(() => payloads.length > 0, { limitMs: LIMIT_MS, describe: () => 'a pong came' });
  expect(payloads).toEqual(['are you there']);
});

test('voice is joined with, sent and received', async () => {
  const { port, received, server } = await startAnsweringServer();
  const client = await openFloorClient({ host: '127.0.0.1', port, groupId: 'g-1', token: 't', audio: true });
  cleanups.push(() => client.close());
  expect(received.at(-1)).toMatchObject({ type: 'JOIN_GROUP', audio: true });
  const packets: string[] = [];
  client.observer = {
    received: () => undefined,
    packet: (bytes, start, end) => packets.push(bytes.toString('latin1', start, end)),
    failed: (_client, reason) => packets.push(reason),
  };
  for (const socket of server.clients) {
    socket.removeAllListeners('message');
    socket.on('message', (data: Buffer, isBinary) =>
      socket.send(`${String(isBinary)} ${data.toString()}`, { binary: true }),
    );
  }
  client.send(clientBinaryFrame(Buffer.from('a packet')));
  await until(() => packets.length > 0, { limitMs: LIMIT_MS, describe: () => 'a packet came' });
  expect(packets).toEqual(['true a packet']);
});

test('a close before it has joined rejects, with the code as the reason', async () => {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  cleanups.push(() => server.close());
  server.on('connection', (socket) => socket.close(4001, 'token_expired'));
  await once(server, 'listening');
  const opening = openFloorClient({ host: '127.0.0.1', port: portOf(server.address()), groupId: 'g-1', token: 't' });
  await expect(opening).rejects.toThrow('4001 token_expired');
});

test('messages are told apart however the stream is cut', async () => {
  const long = `{"type":"TALK_STARTED","speaker":"${'x'.repeat(200)}"}`;
  const port = await startByteServer(
    Buffer.concat(
      ['{"type":"READY"}', long, '{"re":"p","type":"TALK_GRANTED"}', '{"type":"TALK_ENDED","x":1}'].map(
        serverTextFrame,
      ),
    ),
  );
  const kinds: MessageKind[] = [];
  const client = new FloorClient(
    { host: '127.0.0.1', port, groupId: 'g', token: 't' },
    { received: (_client, kind) => kinds.push(kind), failed: () => undefined },
  );
  cleanups.push(() => client.close());
  client.connect();
  await until(() => kinds.length === 4, { limitMs: LIMIT_MS, describe: () => `4 messages came, not ${kinds.length}` });
  expect(kinds).toEqual([MessageKind.ready, MessageKind.started, MessageKind.granted, MessageKind.ended]);
  expect(client.parsedCount).toBe(2);
});

test.each([
  ['TALK_GRANTED', MessageKind.granted],
  ['TALK_DENIED', MessageKind.denied],
  ['TALK_QUEUED', MessageKind.other],
  ['TALK_STARTED', MessageKind.started],
  ['TALK_ENDED', MessageKind.ended],
  ['TALK_RELEASED', MessageKind.released],
  ['TALK_REVOKED', MessageKind.other],
  ['PRESENCE_CHANGED', null],
])('%s is known by its first bytes', (type, kind) => {
  const bytes = Buffer.from(`xx{"type":"${type}","groupId":"g"}`);
  expect(kindOfTalkMessage(bytes, 2, bytes.length)).toBe(kind);
});

test.each([0, 5, 400])('the frame of a text of %i letters is read back', (letters) => {
  const text = 'ü'.repeat(letters);
  expect(readClientText(clientTextFrame(text))).toBe(text);
});
