/**
 * The bare forwarder of bytes: what comes from one socket is written as it is to the others of its group. Raw TCP of
 * `node:net`, nothing is framed, unmasked or read: the least that passing voice on can cost. The generator's talkers
 * send packets here as listeners have to read them. It is a process of its own, as the bare floor server is.
 *
 * Only the ceremony around a talk is understood, and only as the generator sends it, a message a chunk: the upgrade
 * request is answered without a look, the messages are read by their type.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type Socket } from 'node:net';
import { readClientText, serverTextFrame } from './websocket-frames.ts';

const FINAL_TEXT = 0x81;
const UPGRADED = 'HTTP/1.1 101 Switching Protocols\r\n\r\n';

const groups = new Map<string, Set<Socket>>();
const groupOf = new Map<Socket, Set<Socket>>();

const server = createServer({ noDelay: true }, (socket) => {
  socket.once('data', () => {
    socket.write(UPGRADED);
    socket.on('data', onData);
  });
  socket.on('close', onClose);
  socket.on('error', onError);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address !== null && typeof address === 'object') process.send?.({ port: address.port });
});
process.on('disconnect', () => process.exit(0));

function onData(this: Socket, chunk: Buffer): void {
  if (chunk[0] === FINAL_TEXT) {
    answer(this, readClientText(chunk));
    return;
  }
  for (const socket of groupOf.get(this) ?? []) {
    if (socket !== this) socket.write(chunk);
  }
}

function answer(socket: Socket, text: string): void {
  const { type, groupId }: { type?: string; groupId?: string } = Object(JSON.parse(text));
  if (type === 'HELLO') say(socket, '{"type":"READY"}');
  if (type === 'JOIN_GROUP') join(socket, String(groupId));
  if (type === 'REQUEST_TALK') say(socket, `{"type":"TALK_GRANTED","talkId":"${randomUUID()}","streamId":1}`);
  if (type === 'RELEASE_TALK') say(socket, '{"type":"TALK_RELEASED","released":true}');
}

function join(socket: Socket, groupId: string): void {
  const group = groups.get(groupId) ?? new Set();
  groups.set(groupId, group.add(socket));
  groupOf.set(socket, group);
  say(socket, '{"type":"GROUP_JOINED"}');
}

function say(socket: Socket, text: string): void {
  socket.write(serverTextFrame(text));
}

function onClose(this: Socket): void {
  groupOf.get(this)?.delete(this);
  groupOf.delete(this);
}

/** `close` follows and cleans up. */
function onError(): void {}
