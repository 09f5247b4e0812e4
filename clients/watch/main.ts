/**
 * The least that a small device does: it pairs, joins a group with audio, hears, talks, and comes back.
 *   node clients/watch/main.ts http://127.0.0.1:8000 BCDF-GHJK Team
 * Each line of input presses the button or lets it go. It says silence, and prints what it hears.
 */
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';

const [origin = '', code = '', groupName = ''] = process.argv.slice(2);
const tokensSchema = z.looseObject({ accessToken: z.string(), refreshToken: z.string() });
const groupsSchema = z.looseObject({ items: z.array(z.looseObject({ id: z.string(), name: z.string() })) });
const messageSchema = z.looseObject({ type: z.string() });
const numbersSchema = z.object({ epoch: z.int(), seq: z.int() });
const silence = Buffer.from('f8fffe', 'hex'); // Opus: 20 ms

async function ask(path: string, { body, token = '' }: { body?: object; token?: string }): Promise<unknown> {
  const headers = { 'content-type': 'application/json', ...(token === '' ? {} : { authorization: `Bearer ${token}` }) };
  const method = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
  const answer = await fetch(`${origin}/api/v1${path}`, method);
  if (!answer.ok) throw new Error(`${path}: ${await answer.text()}`);
  return answer.json();
}

let tokens = tokensSchema.parse(await ask('/auth/pair', { body: { code, device: { name: 'Wrist', kind: 'watch' } } }));
const groups = groupsSchema.parse(await ask('/groups', { token: tokens.accessToken }));
const groupId = groups.items.find(({ name }) => name === groupName)?.id;
let since: { epoch: number; seq: number } | undefined; // the newest event: where to go on after a reconnect
let streamId: unknown; // of the own talk, as long as it lasts
let press = (): void => undefined;
createInterface(process.stdin).on('line', () => press());

/** One connection, from one flight of HELLO and JOIN_GROUP to its close code. */
function connect(): Promise<number> {
  streamId = undefined;
  const socket = new WebSocket(`${origin.replace(/^http/, 'ws')}/ws`, 'neda.v1');
  socket.binaryType = 'arraybuffer';
  let sent = 0;
  const send = (type: string, fields: object): void =>
    socket.send(JSON.stringify({ type, id: String((sent += 1)), ...fields }));
  const talk = async (stream: number): Promise<void> => {
    for (let number = 0; streamId === stream; number += 1, await pause(20)) {
      const packet = Buffer.concat([Buffer.from([1]), Buffer.alloc(8), silence]);
      packet.writeUInt32BE(stream, 1);
      packet.writeUInt32BE(number, 5);
      socket.send(packet);
    }
  };
  socket.addEventListener('open', () => {
    press = () => send(streamId === undefined ? 'REQUEST_TALK' : 'RELEASE_TALK', { groupId });
    send('HELLO', { token: tokens.accessToken, idlePingMs: 120_000 });
    send('JOIN_GROUP', { groupId, audio: true, ...(since === undefined ? {} : { since }) });
  });
  socket.addEventListener('message', (event) => {
    const data: unknown = event.data;
    if (data instanceof ArrayBuffer) {
      const packet = Buffer.from(data);
      console.log('packet', packet.readUInt32BE(5), 'of stream', packet.readUInt32BE(1), packet.subarray(9));
      return;
    }
    const message = messageSchema.parse(JSON.parse(String(data)));
    console.log(message.type, message['code'] ?? message['cause'] ?? '');
    since = numbersSchema.safeParse(message).data ?? since;
    if (['TALK_RELEASED', 'TALK_REVOKED', 'TALK_ENDED', 'GROUP_STATE'].includes(message.type)) streamId = undefined;
    if (message.type === 'TALK_GRANTED') void talk(Number((streamId = message['streamId'])));
  });
  return new Promise((resolve) => socket.addEventListener('close', (event) => resolve(event.code)));
}

for (let failures = 0; ; failures += 1) {
  const startedAtMs = performance.now();
  const closeCode = await connect();
  console.log('closed', closeCode);
  if (closeCode >= 4500 && closeCode < 5000) process.exit(1); // the same would happen again
  const { refreshToken } = tokens;
  if (closeCode === 4001) tokens = tokensSchema.parse(await ask('/auth/refresh', { body: { refreshToken } }));
  if (performance.now() - startedAtMs > 30_000) failures = 0;
  await pause(Math.random() * Math.min(500 * 2 ** failures, 30_000));
}
