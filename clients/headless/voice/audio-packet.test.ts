import { expect, it } from 'vitest';
import { readPacket, writePacket } from './audio-packet.ts';

const packet = { streamId: 0xfffe0001, number: 0x01020304, opus: Uint8Array.of(0xf8, 0xff, 0xfe) };
const bytes = [1, 0xff, 0xfe, 0, 1, 1, 2, 3, 4, 0xf8, 0xff, 0xfe];

it('is written as the contract says', () => {
  expect([...writePacket(packet)]).toEqual(bytes);
});

it('is read back, also from the middle of a larger buffer', () => {
  const larger = Uint8Array.from([9, 9, 9, ...bytes]);
  expect(readPacket(larger.subarray(3))).toEqual(packet);
});

it.each([
  ['without Opus', bytes.slice(0, 9)],
  ['with another first byte', [2, ...bytes.slice(1)]],
  ['empty', []],
])('is none: %s', (_name, other) => {
  expect(readPacket(Uint8Array.from(other))).toBeNull();
});
