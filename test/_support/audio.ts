import { setTimeout as pause } from 'node:timers/promises';
import { caughtUp } from './awake.ts';
import type { WsClient } from './ws-client.ts';

/** Audio packets as a client makes and reads them (protocol.md "Audio over the WebSocket"). */
const HEADER_BYTES = 9;

export interface Packet {
  readonly streamId: number;
  readonly number: number;
  readonly opus: Buffer;
}

export function packetBytes({ streamId, number, opus }: Packet): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 1;
  header.writeUInt32BE(streamId, 1);
  header.writeUInt32BE(number, 5);
  return Buffer.concat([header, opus]);
}

/** The packets that a client has received, oldest first. Throws when one is none. */
export function packetsOf(client: WsClient, streamId?: number): Packet[] {
  const packets = client.binary.map(({ data }) => {
    if (data[0] !== 1 || data.length <= HEADER_BYTES) throw new Error(`no audio packet: ${data.toString('hex')}`);
    return { streamId: data.readUInt32BE(1), number: data.readUInt32BE(5), opus: data.subarray(HEADER_BYTES) };
  });
  return streamId === undefined ? packets : packets.filter((packet) => packet.streamId === streamId);
}

export function numbersOf(client: WsClient, streamId: number): number[] {
  return packetsOf(client, streamId).map(({ number }) => number);
}

/** The numbers from `first`, `count` of them. */
export function numbers(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

/** Sends one packet whose bytes say which one it is. */
export function sendPacket(client: WsClient, streamId: number, number: number, opusBytes = 40): void {
  client.sendRaw(packetBytes({ streamId, number, opus: Buffer.alloc(opusBytes, number % 256) }));
}

export interface Speech {
  readonly streamId: number;
  readonly count: number;
  readonly everyMs: number;
  readonly opusBytes?: number;
  /** Number of the first packet. */
  readonly first?: number;
}

/** A machine that stood still for longer than this is no reason to say what was not said at once: that is too fast. */
const MADE_UP_MS = 200;

/** Sends packets at a steady rate; a late timer is made up for, a standstill is not. Stops early when the socket is closed. */
export async function speak(client: WsClient, speech: Speech): Promise<void> {
  const { streamId, count, everyMs, opusBytes = 40, first = 0 } = speech;
  let startedAtMs = performance.now();
  for (let index = 0; index < count; index += 1) {
    const earlyMs = startedAtMs + index * everyMs - performance.now();
    if (earlyMs > 1) await pause(earlyMs);
    const lateMs = performance.now() - startedAtMs - index * everyMs;
    if (lateMs > MADE_UP_MS) {
      const fromMs = performance.now();
      await caughtUp();
      startedAtMs += lateMs + performance.now() - fromMs;
    }
    if (!client.isOpen) return;
    sendPacket(client, streamId, first + index, opusBytes);
  }
}
