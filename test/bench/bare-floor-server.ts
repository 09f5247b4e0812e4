/**
 * The bare floor server: the least that granting the floor can cost, and the baseline of every speed goal. Raw `ws`,
 * one `SET NX PX` for a press, one compare-and-delete for a release, one finished frame written to each listener's
 * socket. It is the bare forwarder of voice, too: a binary message in, one finished frame to every other socket of the
 * group. No sign-in, no validation, no log, no history. It is a process of its own, forked by the runner, and tells it
 * `{port}` once it listens; it ends when the runner goes away.
 *
 * It speaks only what the generator uses of the contract, with the same fields, so that the bytes on the wire compare:
 * HELLO, JOIN_GROUP, REQUEST_TALK, RELEASE_TALK. The token of HELLO is taken as the user's id.
 *
 * What makes it fast: an event becomes text and frame once; frames go straight to the TCP socket, past ws's sender;
 * the two messages that a talker gets at his release leave in one write; connections are one class, without a closure
 * each; no compression, no UTF-8 check, no client tracking. Redis commands are written one by one: ioredis' automatic
 * pipelining made a lone press slower by a fifth and fifty at once faster by a tenth.
 *
 * Environment: REDIS_URL; PACKETS, left out where one process has all connections of a group. `publish`: packets go to
 * the other process, by one PUBLISH each. `subscribe`: this is that process.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Redis } from 'ioredis';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { serverBinaryFrame, serverTextFrame } from './websocket-frames.ts';

const LEASE_MS = 60_000;
const EPOCH = 1;
const CHANNEL_PREFIX = 'packets:';

/** KEYS: the speaker key. ARGV: who believes to hold it. Returns 1 when it was his and is gone now, else 0. */
const RELEASE_SCRIPT = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;

interface Group {
  readonly id: string;
  readonly speakerKey: string;
  readonly connections: BareConnection[];
  seq: number;
  talkId: string;
}

/** The fields that the generator sends, of all four messages together. */
interface ClientMessage {
  readonly type: string;
  readonly id: string;
  readonly groupId: string;
  readonly token: string;
}

/** A connection that keeps its own TCP socket, to write finished frames to. */
class BareConnection extends WebSocket {
  link: Duplex | null = null;
  userId = '';
  group: Group | null = null;
}

const groups = new Map<string, Group>();
const redis = new Redis(process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379', { maxRetriesPerRequest: 0 });
const publishes = process.env['PACKETS'] === 'publish';
const subscriber = process.env['PACKETS'] === 'subscribe' ? redis.duplicate() : null;
subscriber?.on('messageBuffer', (channel: Buffer, packet: Buffer) => {
  const group = groups.get(channel.toString('latin1', CHANNEL_PREFIX.length));
  if (group !== undefined) writeToOthers(group, null, serverBinaryFrame(packet));
});
const releaseSha = String(await redis.script('LOAD', RELEASE_SCRIPT));

const sockets = new WebSocketServer({
  noServer: true,
  clientTracking: false,
  perMessageDeflate: false,
  skipUTF8Validation: true,
  handleProtocols: () => 'neda.v1',
  WebSocket: BareConnection,
});

const http = createServer((_request, response) => {
  response.writeHead(426).end();
});
http.on('upgrade', (request: IncomingMessage, link: Duplex, head: Buffer) => {
  sockets.handleUpgrade(request, link, head, (connection) => {
    connection.link = link;
    connection.on('message', onMessage);
    connection.on('close', onClose);
    connection.on('error', onError);
  });
});
http.listen(0, '127.0.0.1', () => {
  const address = http.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
process.on('disconnect', () => process.exit(0));

function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
  if (!(this instanceof BareConnection) || !Buffer.isBuffer(data)) return;
  if (isBinary) {
    forward(this, data);
    return;
  }
  const message: unknown = JSON.parse(data.toString());
  if (!isBelieved(message)) return;
  switch (message.type) {
    case 'REQUEST_TALK':
      requestTalk(this, message);
      break;
    case 'RELEASE_TALK':
      releaseTalk(this, message);
      break;
    case 'JOIN_GROUP':
      joinGroup(this, message);
      break;
    case 'HELLO':
      hello(this, message);
      break;
    default:
      this.close(4502);
  }
}

function onClose(this: WebSocket): void {
  if (!(this instanceof BareConnection)) return;
  for (const group of groups.values()) {
    const index = group.connections.indexOf(this);
    if (index >= 0) group.connections.splice(index, 1);
    if (group.connections.length === 0) groups.delete(group.id);
  }
}

/** All the validation there is: the generator sends nothing but the four messages. */
function isBelieved(message: unknown): message is ClientMessage {
  return typeof message === 'object';
}

/** A broken socket is closed by ws itself; `close` follows and cleans up. */
function onError(): void {}

function hello(connection: BareConnection, message: ClientMessage): void {
  connection.userId = message.token;
  write(
    connection,
    serverTextFrame(
      `{"type":"READY","re":"${message.id}","connectionId":"${randomUUID()}","user":{"id":"${connection.userId}","username":"bench","displayName":"Bench","role":"user"},"groups":[],"pingIntervalMs":20000,"tokenExpiresInMs":600000}`,
    ),
  );
}

function joinGroup(connection: BareConnection, message: ClientMessage): void {
  let group = groups.get(message.groupId);
  if (group === undefined) {
    group = { id: message.groupId, speakerKey: `speaker:{${message.groupId}}`, connections: [], seq: 0, talkId: '' };
    groups.set(group.id, group);
  }
  group.connections.push(connection);
  connection.group = group;
  void subscriber?.subscribe(CHANNEL_PREFIX + group.id);
  write(
    connection,
    serverTextFrame(
      `{"type":"GROUP_JOINED","re":"${message.id}","groupId":"${group.id}","epoch":${EPOCH},"seq":${group.seq},"floor":{"state":"idle"},"presence":[],"presenceCount":${group.connections.length},"media":{"kind":"none"},"recovered":false,"missed":[]}`,
    ),
  );
}

function requestTalk(connection: BareConnection, message: ClientMessage): void {
  const group = joinedGroup(message);
  // A command that fails ends the process: a benchmark has nobody to apologise to.
  void redis.set(group.speakerKey, connection.userId, 'PX', LEASE_MS, 'NX').then((reply) => {
    if (reply === 'OK') grant(connection, group, message.id);
    else
      write(
        connection,
        serverTextFrame(`{"type":"TALK_DENIED","re":"${message.id}","groupId":"${group.id}","cause":"busy"}`),
      );
  });
}

function grant(connection: BareConnection, group: Group, re: string): void {
  group.seq += 1;
  group.talkId = randomUUID();
  const talk = `"groupId":"${group.id}","epoch":${EPOCH},"seq":${group.seq},"talkId":"${group.talkId}","streamId":${group.seq}`;
  write(
    connection,
    serverTextFrame(
      `{"type":"TALK_GRANTED","re":"${re}",${talk},"maxTalkMs":60000,"remainingMs":60000,"media":{"kind":"none"}}`,
    ),
  );
  writeToOthers(
    group,
    connection,
    serverTextFrame(
      `{"type":"TALK_STARTED",${talk},"speaker":{"userId":"${connection.userId}","displayName":"Bench"},"emergency":false}`,
    ),
  );
}

function releaseTalk(connection: BareConnection, message: ClientMessage): void {
  const group = joinedGroup(message);
  void redis.evalsha(releaseSha, 1, group.speakerKey, connection.userId).then((reply) => {
    const released = reply === 1;
    const answer = serverTextFrame(
      `{"type":"TALK_RELEASED","re":"${message.id}","groupId":"${group.id}","released":${released}}`,
    );
    if (!released) {
      write(connection, answer);
      return;
    }
    group.seq += 1;
    const ended = serverTextFrame(
      `{"type":"TALK_ENDED","groupId":"${group.id}","epoch":${EPOCH},"seq":${group.seq},"talkId":"${group.talkId}","speaker":{"userId":"${connection.userId}","displayName":"Bench"},"cause":"released","durationMs":0}`,
    );
    write(connection, Buffer.concat([answer, ended]));
    writeToOthers(group, connection, ended);
  });
}

function forward(connection: BareConnection, packet: Buffer): void {
  const { group } = connection;
  if (group === null) return;
  if (publishes) void redis.publish(CHANNEL_PREFIX + group.id, packet);
  else writeToOthers(group, connection, serverBinaryFrame(packet));
}

function joinedGroup(message: ClientMessage): Group {
  const group = groups.get(message.groupId);
  if (group === undefined) throw new Error(`nobody joined the group ${message.groupId}`);
  return group;
}

function writeToOthers(group: Group, speaker: BareConnection | null, frame: Buffer): void {
  for (const connection of group.connections) {
    if (connection !== speaker) connection.link?.write(frame);
  }
}

function write(connection: BareConnection, frame: Buffer): void {
  connection.link?.write(frame);
}
