import { describe, expect, it } from 'vitest';
import { JitterBuffer, type VoicePacket } from './jitter-buffer.ts';

const SPEECH = new Uint8Array([0x78, 1, 2, 3]);
const SILENCE = new Uint8Array([0x78]);

function packet(
  number: number,
  options: { readonly opus?: Uint8Array; readonly durationMs?: number } = {},
): VoicePacket {
  return { number, opus: options.opus ?? SPEECH, durationMs: options.durationMs ?? 20 };
}

function pushAll(buffer: JitterBuffer, numbers: readonly number[], nowMs = 0): boolean[] {
  return numbers.map((number) => buffer.push(packet(number), nowMs));
}

/** Everything that can be played at this time: numbers of packets, and gaps as "gap 40". */
function played(buffer: JitterBuffer, nowMs = 0): (number | string)[] {
  const pieces: (number | string)[] = [];
  for (let piece = buffer.pull(nowMs); piece !== null; piece = buffer.pull(nowMs)) {
    pieces.push(piece.kind === 'packet' ? piece.packet.number : `gap ${piece.durationMs}`);
  }
  return pieces;
}

describe('the jitter buffer', () => {
  it('waits until there is enough sound, then plays in order', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1]);
    expect(played(buffer, 1)).toEqual([]);
    pushAll(buffer, [2]);
    expect(played(buffer, 2)).toEqual([0, 1, 2]);
  });

  it('waits no longer than that when little comes', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0], 1_000);
    expect(played(buffer, 1_059)).toEqual([]);
    expect(played(buffer, 1_060)).toEqual([0]);
  });

  it('begins with whatever packet a late listener gets first', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [700, 701, 702]);
    expect(played(buffer)).toEqual([700, 701, 702]);
  });

  it('puts packets that overtook each other in order', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [2, 0, 3, 1]);
    expect(played(buffer)).toEqual([0, 1, 2, 3]);
  });

  it('throws away what comes twice or too late', () => {
    const buffer = new JitterBuffer();
    expect(pushAll(buffer, [5, 6, 6, 7])).toEqual([true, true, false, true]);
    expect(played(buffer)).toEqual([5, 6, 7]);
    expect(pushAll(buffer, [4, 7, 8])).toEqual([false, false, true]);
  });

  it('plays silence of the right length for lost packets, once enough has come after them', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1, 2]);
    expect(played(buffer)).toEqual([0, 1, 2]);
    buffer.push(packet(3), 10);
    expect(buffer.pull(10)).toBeNull(); // it had run empty: it fills again
    pushAll(buffer, [4, 5, 6], 10);
    expect(played(buffer, 10)).toEqual([3, 4, 5, 6]);

    const other = new JitterBuffer();
    pushAll(other, [0, 1, 2, 5]);
    expect([other.pull(0), other.pull(0), other.pull(0)].map((piece) => piece?.kind)).toEqual([
      'packet',
      'packet',
      'packet',
    ]);
    expect(other.pull(0)).toBeNull(); // 3 and 4 may still come
    pushAll(other, [6, 7], 5);
    expect(played(other, 5)).toEqual(['gap 40', 5, 6, 7]);
  });

  it('still takes a missing packet that comes while it is waited for', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1, 2, 4]);
    for (const number of [0, 1, 2]) expect(buffer.pull(0)).toMatchObject({ packet: { number } });
    expect(buffer.pull(0)).toBeNull();
    pushAll(buffer, [3], 5);
    expect(played(buffer, 5)).toEqual([3, 4]);
  });

  it('gives a missing packet up in time', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1, 2, 4]);
    for (const number of [0, 1, 2]) expect(buffer.pull(0)).toMatchObject({ packet: { number } });
    expect(played(buffer, 59)).toEqual([]);
    expect(played(buffer, 60)).toEqual(['gap 20', 4]);
  });

  it('jumps over a long hole', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1, 2, 500, 501, 502]);
    expect(played(buffer)).toEqual([0, 1, 2, 'gap 200', 500, 501, 502]);
  });

  it('fills again after it has run empty, and waits longer from then on', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1, 2]);
    expect(played(buffer)).toEqual([0, 1, 2]);
    expect(buffer.targetMs).toBe(80);
    pushAll(buffer, [3, 4, 5], 300);
    expect(played(buffer, 300)).toEqual([]);
    pushAll(buffer, [6], 320);
    expect(played(buffer, 320)).toEqual([3, 4, 5, 6]);
  });

  it('does not wait for ever longer', () => {
    const buffer = new JitterBuffer();
    for (let round = 0; round < 30; round += 1) {
      pushAll(buffer, [round], round * 1_000);
      played(buffer, round * 1_000 + 500);
    }
    expect(buffer.targetMs).toBe(200);
  });

  it('takes a pause of a sender that leaves out silence for a pause, not for a bad network', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 1]);
    buffer.push(packet(2, { opus: SILENCE }), 0);
    expect(played(buffer)).toEqual([0, 1, 2]);
    expect(buffer.targetMs).toBe(60);
    buffer.push(packet(3, { opus: SILENCE }), 400);
    expect(played(buffer, 460)).toEqual([3]);
    pushAll(buffer, [4, 5, 6], 800);
    expect(played(buffer, 800)).toEqual([4, 5, 6]);
  });

  it('plays the rest without waiting when the talk has ended', () => {
    const buffer = new JitterBuffer();
    pushAll(buffer, [0, 2]);
    buffer.end();
    expect(played(buffer)).toEqual([0, 'gap 20', 2]);
  });

  it('keeps at most two seconds, the newest', () => {
    const buffer = new JitterBuffer();
    pushAll(
      buffer,
      Array.from({ length: 150 }, (_, number) => number),
    );
    expect(buffer.bufferedMs).toBe(2_000);
    expect(played(buffer)[0]).toBe(50);
  });

  it('counts sound, not packets', () => {
    const buffer = new JitterBuffer();
    buffer.push(packet(0, { durationMs: 60 }), 0);
    expect(played(buffer)).toEqual([0]);
    const short = new JitterBuffer();
    for (let number = 0; number < 23; number += 1) short.push(packet(number, { durationMs: 2.5 }), 0);
    expect(played(short)).toEqual([]);
  });
});
