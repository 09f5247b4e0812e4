/**
 * A WebSocket client for a terminal or a pipe: `npm run --silent ws -- <origin> <access token>`.
 * Every line read is sent as one message (a JSON object; without an `id` it gets one), everything received is printed.
 * When the input ends it waits until each message has its answer, and closes.
 */
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { messageFromLine, Unanswered } from './lines.ts';

const ANSWER_LIMIT_MS = 5_000;

const [origin, token] = process.argv.slice(2);
if (origin === undefined || token === undefined) {
  console.error('Usage: npm run --silent ws -- http://127.0.0.1:8000 "$TOKEN"');
  process.exit(64);
}

const url = new URL('/ws', origin.replace(/^http/, 'ws'));
const socket = new WebSocket(url, ['neda.v1'], { headers: { authorization: `Bearer ${token}` } });
const unanswered = new Unanswered();
let inputEnded = false;
let failed = false;

socket.on('open', () => {
  console.error(`# open: ${url.href}. Say {"type":"HELLO"} first.`);
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    const message = messageFromLine(line, unanswered.nextId());
    if (message === undefined) return;
    if (message.id !== undefined) unanswered.sent(message.id);
    socket.send(message.text);
  });
  input.on('close', () => {
    inputEnded = true;
    closeWhenAnswered();
    setTimeout(() => giveUp(), ANSWER_LIMIT_MS).unref();
  });
});

socket.on('message', (data: Buffer, isBinary) => {
  if (isBinary) {
    console.log(`# ${data.length} bytes of audio`);
    return;
  }
  const text = data.toString('utf8');
  console.log(text);
  unanswered.received(text);
  closeWhenAnswered();
});

socket.on('error', (error) => {
  console.error(`# ${error.message}`);
  failed = true;
});

socket.on('close', (code, reason) => {
  console.error(`# closed: ${code} ${reason.toString('utf8')}`);
  process.exit(failed || code !== 1000 ? 1 : 0);
});

function closeWhenAnswered(): void {
  if (inputEnded && unanswered.isEmpty()) socket.close(1000);
}

function giveUp(): void {
  console.error(`# no answer to ${unanswered.list().join(', ')}`);
  failed = true;
  socket.close(1000);
}
