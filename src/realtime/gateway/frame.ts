import type { PreparedFrame } from './connection.ts';

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;

/**
 * Frames a text message once for any number of sockets (RFC 6455 section 5.2; a server's frames carry no mask):
 * header and payload are one buffer, so that each socket costs one write.
 */
export function prepareFrame(text: string): PreparedFrame {
  const length = Buffer.byteLength(text);
  const { bytes, headerLength } = frameFor(FINAL_TEXT, length);
  bytes.write(text, headerLength, 'utf8');
  return { bytes };
}

/** As `prepareFrame`, for a binary message. */
export function prepareBinaryFrame(payload: Buffer): PreparedFrame {
  const { bytes, headerLength } = frameFor(FINAL_BINARY, payload.length);
  payload.copy(bytes, headerLength);
  return { bytes };
}

/** A buffer for header and payload, with the header in it. */
function frameFor(firstByte: number, length: number): { bytes: Buffer; headerLength: number } {
  const headerLength = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const bytes = Buffer.allocUnsafe(headerLength + length);
  bytes[0] = firstByte;
  if (headerLength === 2) {
    bytes[1] = length;
  } else if (headerLength === 4) {
    bytes[1] = 126;
    bytes.writeUInt16BE(length, 2);
  } else {
    bytes[1] = 127;
    bytes.writeUInt32BE(Math.floor(length / 2 ** 32), 2);
    bytes.writeUInt32BE(length % 2 ** 32, 6);
  }
  return { bytes, headerLength };
}

/** The answer to a protocol ping; `payload` is at most 125 bytes. */
export function pongFrame(payload: Buffer): PreparedFrame {
  return { bytes: Buffer.concat([Buffer.from([0x8a, payload.length]), payload]) };
}

/** A protocol ping without payload. */
export const PING_FRAME: PreparedFrame = { bytes: Buffer.from([0x89, 0]) };
