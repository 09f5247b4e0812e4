/**
 * One audio packet as it travels: byte 0 is 0x01, bytes 1–4 the stream of the talk, bytes 5–8 the number of the packet
 * (both unsigned, big-endian), then one Opus packet. Source: protocol.md "Audio over the WebSocket".
 */

const AUDIO_MARK = 0x01;
const HEADER_BYTES = 9;
const MOST_OPUS_BYTES = 1_275;
const MOST_BYTES = HEADER_BYTES + MOST_OPUS_BYTES;

/** Why a binary message is no audio packet, in words for whoever sent it; null when it is one. */
export function packetFault(bytes: Uint8Array): string | null {
  if (bytes.length <= HEADER_BYTES) return `An audio packet has at least ${HEADER_BYTES + 1} bytes.`;
  if (bytes.length > MOST_BYTES) return `An audio packet has at most ${MOST_BYTES} bytes.`;
  if (bytes[0] !== AUDIO_MARK) return 'The first byte of an audio packet is 0x01.';
  return null;
}

/** The stream that a packet names; `bytes` is a packet. */
export function streamOf(bytes: Buffer): number {
  return bytes.readUInt32BE(1);
}

/** How many bytes of Opus a packet carries; `bytes` is a packet. */
export function opusBytes(bytes: Uint8Array): number {
  return bytes.length - HEADER_BYTES;
}
