/** Audio packets as they stand on the wire: 0x01, stream id, number (both 32 bits, big-endian), one Opus packet. */

const PACKET_TYPE = 0x01;
const HEADER_BYTES = 9;
const MAX_OPUS_BYTES = 1275;
const LIMIT = 2 ** 32;

export interface AudioPacket {
  /** The talk, as `TALK_STARTED` and the floor name it. */
  readonly streamId: number;
  /** From 0, one more each packet. */
  readonly number: number;
  readonly opus: Uint8Array;
}

/** The bytes of a packet. Throws on what does not fit its field: that is a fault of the caller. */
export function encodePacket({ streamId, number, opus }: AudioPacket): Uint8Array<ArrayBuffer> {
  if (!isUint32(streamId) || !isUint32(number)) throw new RangeError('stream id and number are 32 bits');
  if (opus.length === 0 || opus.length > MAX_OPUS_BYTES) throw new RangeError(`${opus.length} bytes of Opus`);
  const bytes = new Uint8Array(HEADER_BYTES + opus.length);
  const header = new DataView(bytes.buffer);
  header.setUint8(0, PACKET_TYPE);
  header.setUint32(1, streamId);
  header.setUint32(5, number);
  bytes.set(opus, HEADER_BYTES);
  return bytes;
}

/** What the bytes hold; null when they are no audio packet. The Opus packet is a view into `bytes`. */
export function decodePacket(bytes: Uint8Array): AudioPacket | null {
  if (bytes[0] !== PACKET_TYPE || bytes.length <= HEADER_BYTES || bytes.length > HEADER_BYTES + MAX_OPUS_BYTES) {
    return null;
  }
  const header = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  return { streamId: header.getUint32(1), number: header.getUint32(5), opus: bytes.subarray(HEADER_BYTES) };
}

function isUint32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < LIMIT;
}

const SILK_MS = [10, 20, 40, 60];
const HYBRID_MS = [10, 20];
const CELT_MS = [2.5, 5, 10, 20];
const MAX_OPUS_MS = 120;

/** How much sound an Opus packet holds, from its first bytes (RFC 6716, section 3.1). Milliseconds; 0: malformed. */
export function opusDurationMs(opus: Uint8Array): number {
  const [toc, second] = opus;
  if (toc === undefined) return 0;
  const config = toc >> 3;
  const frameMs = config < 12 ? SILK_MS[config % 4] : config < 16 ? HYBRID_MS[config % 2] : CELT_MS[config % 4];
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (second ?? 0) & 0x3f;
  const durationMs = (frameMs ?? 0) * frames;
  return durationMs <= MAX_OPUS_MS ? durationMs : 0;
}

/** Does it say "silence goes on" only? A sender with discontinuous transmission sends such a packet now and then. */
export function isSilence(opus: Uint8Array): boolean {
  return opus.length <= 2;
}
