import { beforeEach, describe, expect, it } from 'vitest';
import { PacketGuard, packetLimits, type Verdict } from './packet-guard.ts';

let guard: PacketGuard;

beforeEach(() => {
  guard = new PacketGuard();
});

/** Packets of one size at a steady rate; what became of each. */
function send(count: number, everyMs: number, opusBytes: number, fromMs = 0): Verdict[] {
  return Array.from({ length: count }, (_, index) => guard.take(opusBytes, fromMs + index * everyMs));
}

function accepted(verdicts: readonly Verdict[]): number {
  return verdicts.filter((verdict) => verdict === 'accepted').length;
}

describe('packets within the limits', () => {
  it.each([
    ['50 of 60 bytes a second', 20, 60],
    ['100 of 160 bytes a second, just 128 kbit', 10, 160],
    ['16 of 1000 bytes a second', 62.5, 1_000],
    ['one every 400 ms, as in discontinuous transmission', 400, 3],
  ])('pass for as long as they come: %s', (_name, everyMs, opusBytes) => {
    expect(accepted(send(1_000, everyMs, opusBytes))).toBe(1_000);
  });

  it('may come in a burst', () => {
    expect(accepted(send(packetLimits.packetsPerWindow, 0, 100))).toBe(packetLimits.packetsPerWindow);
    expect(accepted(send(packetLimits.packetsPerWindow, 0, 100, 1_000))).toBe(packetLimits.packetsPerWindow);
  });
});

describe('in any second', () => {
  it('not more than 110 packets pass, wherever the second begins', () => {
    const times: number[] = [];
    for (let nowMs = 0; nowMs < 4_000; nowMs += 1) if (guard.take(1, nowMs) === 'accepted') times.push(nowMs);
    for (const fromMs of times) {
      const inSecond = times.filter((atMs) => atMs >= fromMs && atMs < fromMs + 1_000).length;
      expect(inSecond).toBeLessThanOrEqual(110);
    }
    expect(times.length).toBeGreaterThanOrEqual(4 * 110);
  });

  it('not more than 16 000 bytes of Opus pass, and smaller packets still do', () => {
    expect(accepted(send(16, 0, 1_000))).toBe(16);
    expect(guard.take(1, 999)).toBe('dropped');
    expect(guard.take(1_275, 1_000)).toBe('accepted');
  });
});

describe('what is too much', () => {
  it('ends the talk when it goes on for 5 s', () => {
    const verdicts = send(1_000, 6, 1);
    const end = verdicts.indexOf('ended');
    const first = verdicts.indexOf('dropped');
    expect((end - first) * 6).toBeGreaterThanOrEqual(packetLimits.excessMs);
    expect((end - first) * 6).toBeLessThan(packetLimits.excessMs + 1_000);
  });

  it('is forgiven when a second passes without it', () => {
    for (let round = 0; round < 10; round += 1) {
      const verdicts = send(200, 5, 1, round * 3_000);
      expect(verdicts).toContain('dropped');
      expect(verdicts).not.toContain('ended');
    }
  });
});
