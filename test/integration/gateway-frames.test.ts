import type { Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { GatewayTiming } from '../../src/realtime/gateway/index.ts';
import { WsClient } from '../_support/ws-client.ts';
import { GatewayHarness } from './gateway-harness.ts';

/** One frame as a client sends it, with whatever is wrong about it. */
function frame(
  payload: Buffer | string,
  { opcode = 1, final = true, reserved = 0, masked = true, length = undefined as number | undefined } = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const size = length ?? bytes.length;
  const header = [(final ? 0x80 : 0) | reserved | opcode];
  const maskBit = masked ? 0x80 : 0;
  if (size < 126) header.push(maskBit | size);
  else header.push(maskBit | 126, size >> 8, size & 0xff);
  const mask = Buffer.from([1, 2, 3, 4]);
  const body = masked ? Buffer.from(bytes.map((byte, index) => byte ^ (mask[index % 4] ?? 0))) : bytes;
  return Buffer.concat([Buffer.from(header), ...(masked ? [mask] : []), body]);
}

/** The code of the close frame that came, 1006 when the socket ended without one, null while it is open. */
function closeCodeOf(received: readonly Buffer[], socket: Socket): number | null {
  const bytes = Buffer.concat(received);
  let at = bytes.indexOf('\r\n\r\n') + 4;
  while (at + 2 <= bytes.length) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    const [size, start] = short < 126 ? [short, at + 2] : [bytes.readUInt16BE(at + 2), at + 4];
    if (((bytes[at] ?? 0) & 0x0f) === 8) return size >= 2 ? bytes.readUInt16BE(start) : 1005;
    at = start + size;
  }
  return socket.destroyed ? 1006 : null;
}

const closeTimeoutMs = 300;
const ping = '{"type":"PING","id":"p"}';
let harness: GatewayHarness;
let bystander: WsClient;

async function start(timing: Partial<GatewayTiming>): Promise<void> {
  harness = await new GatewayHarness({ timing }).start();
  bystander = await WsClient.signIn(harness.origin, harness.signIn());
}

beforeEach(() => start({ closeTimeoutMs }));
afterEach(async () => {
  await bystander.settled();
  await harness.stop();
});

async function open(ready: boolean) {
  const raw = await harness.rawSocket([`Authorization: Bearer ${harness.signIn()}`]);
  await expect.poll(() => Buffer.concat(raw.received).toString()).toContain('101 Switching');
  if (ready) {
    raw.socket.write(frame('{"type":"HELLO","id":"h"}'));
    await expect.poll(() => Buffer.concat(raw.received).toString()).toContain('READY');
  }
  return raw;
}

const badFrames: readonly [string, Buffer, number][] = [
  ['without a mask', frame(ping, { masked: false }), 1002],
  ['with RSV1, as no compression was agreed on', frame(ping, { reserved: 0x40 }), 1002],
  ['with RSV2', frame(ping, { reserved: 0x20 }), 1002],
  ['with RSV3', frame(ping, { reserved: 0x10 }), 1002],
  ['with a reserved data opcode', frame(ping, { opcode: 3 }), 1002],
  ['with a reserved control opcode', frame('', { opcode: 11 }), 1002],
  ['that continues nothing', frame(ping, { opcode: 0 }), 1002],
  ['that is a control frame in pieces', frame('x', { opcode: 9, final: false }), 1002],
  ['that is a ping too long', frame('x'.repeat(126), { opcode: 9 }), 1002],
  ['that closes with a code nobody may send', frame(Buffer.from([0x03, 0xed]), { opcode: 8 }), 1002],
  ['that closes with one byte', frame('x', { opcode: 8 }), 1002],
  ['with bad UTF-8', frame(Buffer.from([0xc3, 0x28])), 1007],
  ['with a surrogate as UTF-8', frame(Buffer.from([0xed, 0xa0, 0x80])), 1007],
  ['over 8 KiB', frame('x'.repeat(8_193)), 1009],
  ['that only says it is over 8 KiB', frame('', { length: 60_000 }), 1009],
  ['with bytes', frame(Buffer.from([1, 2, 3]), { opcode: 2 }), 1003],
];

describe.each([
  ['before READY', false],
  ['after READY', true],
])('a frame %s', (_name, ready) => {
  it.each(badFrames)('%s closes the socket, and nobody else notices', async (_what, bytes, code) => {
    const { socket, received } = await open(ready);
    socket.write(bytes);
    await expect.poll(() => closeCodeOf(received, socket)).toBe(code);
    await bystander.settled();
    await expect.poll(() => socket.destroyed).toBe(true);
  });

  it('in more pieces than a message may have closes the socket', async () => {
    const { socket, received } = await open(ready);
    socket.write(frame('', { final: false }));
    for (let count = 0; count < 100; count += 1) socket.write(frame('', { opcode: 0, final: false }));
    await expect.poll(() => closeCodeOf(received, socket)).toBe(1008);
    await bystander.settled();
  });

  it('of exactly 8 KiB in pieces is a message', async () => {
    const { socket, received } = await open(ready);
    const type = ready ? 'PING' : 'HELLO';
    const text = JSON.stringify({ type, id: 'i' });
    const whole = text + ' '.repeat(8_192 - text.length);
    socket.write(frame(whole.slice(0, 100), { final: false }));
    socket.write(frame(whole.slice(100), { opcode: 0 }));
    await expect.poll(() => Buffer.concat(received).toString()).toContain(ready ? 'PONG' : 'READY');
    socket.destroy();
  });
});

describe('half a frame, then silence', () => {
  /** Only these want short deadlines, which a machine that stands still for a moment makes others miss. */
  async function restart(timing: Partial<GatewayTiming>): Promise<void> {
    await harness.stop();
    await start({ closeTimeoutMs, ...timing });
  }

  it('before READY ends with the time for HELLO, which pings do not extend', async () => {
    await restart({ helloTimeoutMs: 400 });
    const { socket, received } = await open(false);
    socket.write(frame('', { opcode: 9 }));
    socket.write(frame(ping).subarray(0, 5));
    await expect.poll(() => closeCodeOf(received, socket)).toBe(4501);
  });

  it('after READY ends as silence', async () => {
    await restart({ pingIntervalMs: 1_500 });
    const { socket, received } = await open(true);
    socket.write(frame(ping).subarray(0, 5));
    await expect.poll(() => closeCodeOf(received, socket)).toBe(4003);
    expect(harness.gone).toMatchObject([{ how: 'closed' }]);
  });
});

it('a flood of pings closes 4502 before READY and 4004 after', async () => {
  const pings = Buffer.concat(Array.from({ length: 400 }, () => frame('', { opcode: 9 })));
  const early = await open(false);
  early.socket.write(pings);
  await expect.poll(() => closeCodeOf(early.received, early.socket)).toBe(4502);
  const late = await open(true);
  late.socket.write(pings);
  await expect.poll(() => closeCodeOf(late.received, late.socket)).toBe(4004);
});

it('a socket reset in the middle of a message is just gone', async () => {
  const { socket } = await open(true);
  socket.write(frame(ping).subarray(0, 9));
  socket.resetAndDestroy();
  await expect.poll(() => harness.gone.length).toBe(1);
});
