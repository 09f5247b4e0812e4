/**
 * One audio packet: byte 0 is 0x01, bytes 1 to 4 the stream of the talk, bytes 5 to 8 the number of the packet (both
 * unsigned, the most significant byte first), then one Opus packet.
 */
export interface AudioPacket {
  readonly streamId: number;
  /** From 0, one more each packet. */
  readonly number: number;
  readonly opus: Uint8Array;
}

const MARK = 0x01;
const HEADER_BYTES = 9;

export function writePacket({ streamId, number, opus }: AudioPacket): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + opus.length);
  const header = new DataView(bytes.buffer);
  header.setUint8(0, MARK);
  header.setUint32(1, streamId);
  header.setUint32(5, number);
  bytes.set(opus, HEADER_BYTES);
  return bytes;
}

/** Null for a binary message that is no audio packet. */
export function readPacket(bytes: Uint8Array): AudioPacket | null {
  if (bytes.length <= HEADER_BYTES || bytes[0] !== MARK) return null;
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { streamId: header.getUint32(1), number: header.getUint32(5), opus: bytes.subarray(HEADER_BYTES) };
}
