import { describe, expect, it } from 'vitest';
import { decodePacket, encodePacket, isSilence, opusDurationMs } from './packet.ts';

const hex = (text: string): Uint8Array => Uint8Array.from(text.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));

describe('an audio packet', () => {
  it('is the type, the stream and the number in big-endian, and the Opus packet', () => {
    const bytes = encodePacket({ streamId: 0x01020304, number: 0xfffefdfc, opus: hex('78aabb') });
    expect(bytes).toEqual(hex('0101020304fffefdfc78aabb'));
  });

  it('is read back, also from the middle of a larger buffer', () => {
    const packet = { streamId: 4_294_967_295, number: 7, opus: hex('7801') };
    const larger = new Uint8Array(40);
    larger.set(encodePacket(packet), 5);
    expect(decodePacket(larger.subarray(5, 16))).toEqual(packet);
  });

  it.each([
    ['nothing', ''],
    ['a header alone', '010000000100000000'],
    ['another type', '02000000010000000078'],
    ['too much Opus', `010000000100000000${'78'.repeat(1276)}`],
  ])('is not %s', (_what, text) => {
    expect(decodePacket(hex(text))).toBeNull();
  });

  it.each([[{ streamId: -1, number: 0 }], [{ streamId: 2 ** 32, number: 0 }], [{ streamId: 0, number: 0.5 }]])(
    'refuses the header %j',
    (header) => {
      expect(() => encodePacket({ ...header, opus: hex('78') })).toThrow(RangeError);
    },
  );

  it('refuses no Opus at all, and more than a packet holds', () => {
    for (const length of [0, 1276]) {
      expect(() => encodePacket({ streamId: 0, number: 0, opus: new Uint8Array(length) })).toThrow(RangeError);
    }
  });
});

describe('the duration of an Opus packet', () => {
  // RFC 6716 table 2 and section 3.2.
  it.each([
    ['SILK 10 ms', '00', 10],
    ['SILK 60 ms', '18', 60],
    ['SILK wide 20 ms', '48', 20],
    ['hybrid 20 ms', '78', 20],
    ['CELT 2.5 ms', '80', 2.5],
    ['CELT 20 ms', 'f8', 20],
    ['two frames of one size', 'f9', 40],
    ['two frames of different sizes', '7a', 40],
    ['three frames', '4b03', 60],
    ['nothing', '', 0],
    ['no frames', '4b00', 0],
    ['more than 120 ms', '4b07', 0],
  ])('of %s', (_what, text, durationMs) => {
    expect(opusDurationMs(hex(text))).toBe(durationMs);
  });

  it('knows silence by its length', () => {
    expect(['78', '7801', '780102'].map((text) => isSilence(hex(text)))).toEqual([true, true, false]);
  });
});
