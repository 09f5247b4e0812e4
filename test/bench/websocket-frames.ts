/**
 * WebSocket frames made by hand (RFC 6455, section 5.2), so that both ends of a benchmark write finished bytes and
 * spend nothing on framing while a measurement runs.
 */

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;
const FINAL_PONG = 0x8a;
const MASKED = 0x80;
const LONGEST_SHORT_PAYLOAD = 125;
const SIXTEEN_BIT_LENGTH = 126;
const LONGEST_LENGTH_CODE = 127;
const LONGEST_PAYLOAD = 0xffff;

/** A fixed mask. A server must unmask whatever key it is given, and zero would let it skip the work unnoticed. */
const MASK = Buffer.from([0x5a, 0x3c, 0xa5, 0xc3]);

/**
 * One whole unmasked text frame, as a server sends it.
 *
 * @param text at most 65 535 bytes of UTF-8; more throws a RangeError
 */
export function serverTextFrame(text: string): Buffer {
  const payloadBytes = Buffer.byteLength(text);
  const headerBytes = payloadBytes <= LONGEST_SHORT_PAYLOAD ? 2 : 4;
  const frame = Buffer.allocUnsafe(headerBytes + payloadBytes);
  writeHeader(frame, FINAL_TEXT, payloadBytes, 0);
  frame.write(text, headerBytes);
  return frame;
}

/** One whole unmasked binary frame, as a server sends it; limits as for text. */
export function serverBinaryFrame(payload: Buffer): Buffer {
  const headerBytes = payload.length <= LONGEST_SHORT_PAYLOAD ? 2 : 4;
  const frame = Buffer.allocUnsafe(headerBytes + payload.length);
  writeHeader(frame, FINAL_BINARY, payload.length, 0);
  payload.copy(frame, headerBytes);
  return frame;
}

/**
 * One whole masked text frame, as a client must send it. May be written to the socket any number of times.
 *
 * @param text at most 65 535 bytes of UTF-8; more throws a RangeError
 */
export function clientTextFrame(text: string): Buffer {
  return maskedFrame(FINAL_TEXT, Buffer.from(text));
}

/** One whole masked binary frame, as a client must send it. */
export function clientBinaryFrame(payload: Buffer): Buffer {
  return maskedFrame(FINAL_BINARY, payload);
}

/** The text in a frame made by `clientTextFrame`. */
export function readClientText(frame: Buffer): string {
  const maskAt = (frame.readUInt8(1) & LONGEST_LENGTH_CODE) <= LONGEST_SHORT_PAYLOAD ? 2 : 4;
  const payload = Buffer.from(frame.subarray(maskAt + MASK.length));
  applyMask(payload, 0);
  return payload.toString('utf8');
}

/** The masked pong that answers a ping with the given payload. */
export function clientPongFrame(payload: Buffer): Buffer {
  return maskedFrame(FINAL_PONG, payload);
}

function maskedFrame(firstByte: number, payload: Buffer): Buffer {
  const headerBytes = payload.length <= LONGEST_SHORT_PAYLOAD ? 2 : 4;
  const frame = Buffer.allocUnsafe(headerBytes + MASK.length + payload.length);
  writeHeader(frame, firstByte, payload.length, MASKED);
  MASK.copy(frame, headerBytes);
  payload.copy(frame, headerBytes + MASK.length);
  applyMask(frame, headerBytes + MASK.length);
  return frame;
}

function applyMask(bytes: Buffer, start: number): void {
  for (let index = start; index < bytes.length; index += 1) {
    bytes.writeUInt8(bytes.readUInt8(index) ^ MASK.readUInt8((index - start) % MASK.length), index);
  }
}

function writeHeader(frame: Buffer, firstByte: number, payloadBytes: number, maskBit: number): void {
  if (payloadBytes > LONGEST_PAYLOAD) throw new RangeError(`a payload of ${payloadBytes} bytes is too long`);
  frame.writeUInt8(firstByte, 0);
  if (payloadBytes <= LONGEST_SHORT_PAYLOAD) {
    frame.writeUInt8(maskBit | payloadBytes, 1);
  } else {
    frame.writeUInt8(maskBit | SIXTEEN_BIT_LENGTH, 1);
    frame.writeUInt16BE(payloadBytes, 2);
  }
}
