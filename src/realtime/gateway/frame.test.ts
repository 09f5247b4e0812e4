import { describe, expect, it } from 'vitest';
import { pongFrame, prepareBinaryFrame, prepareFrame } from './frame.ts';

describe('prepareFrame', () => {
  it.each([
    [0, [0x81, 0]],
    [125, [0x81, 125]],
    [126, [0x81, 126, 0, 126]],
    [65_535, [0x81, 126, 0xff, 0xff]],
    [65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]],
  ])('puts the right header before %i bytes', (length, header) => {
    const { bytes } = prepareFrame('x'.repeat(length));
    expect([...bytes.subarray(0, header.length)]).toEqual(header);
    expect(bytes.subarray(header.length).toString()).toBe('x'.repeat(length));
  });

  it('counts bytes, not characters', () => {
    const { bytes } = prepareFrame('€');
    expect([...bytes]).toEqual([0x81, 3, 0xe2, 0x82, 0xac]);
  });
});

it.each([
  [10, [0x82, 10]],
  [1_284, [0x82, 126, 5, 4]],
])('a binary message of %i bytes is framed as it is', (length, header) => {
  const payload = Buffer.alloc(length, 0xf7);
  const { bytes } = prepareBinaryFrame(payload);
  expect([...bytes.subarray(0, header.length)]).toEqual(header);
  expect(bytes.subarray(header.length).equals(payload)).toBe(true);
});

it('a pong carries the payload of its ping', () => {
  expect([...pongFrame(Buffer.from('ab')).bytes]).toEqual([0x8a, 2, 97, 98]);
});
