import { describe, expect, it } from 'vitest';
import { opusBytes, packetFault, streamOf } from './packet.ts';

function packet(length: number, mark = 1): Buffer {
  const bytes = Buffer.alloc(length, 7);
  bytes[0] = mark;
  return bytes;
}

describe('an audio packet', () => {
  it.each([10, 100, 9 + 1_275])('may have %i bytes', (length) => {
    expect(packetFault(packet(length))).toBeNull();
  });

  it.each([0, 1, 9, 9 + 1_276])('cannot have %i bytes', (length) => {
    expect(packetFault(packet(length))).toMatch(/at (least 10|most 1284) bytes/);
  });

  it.each([0, 2, 0x81, 255])('cannot begin with %i', (mark) => {
    expect(packetFault(packet(40, mark))).toContain('0x01');
  });

  it('names its stream as an unsigned number, the most significant byte first', () => {
    const bytes = packet(20);
    bytes.set([0xff, 0xfe, 0x00, 0x01], 1);
    expect(streamOf(bytes)).toBe(0xfffe0001);
    expect(opusBytes(bytes)).toBe(11);
  });
});
