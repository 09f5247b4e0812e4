import { describe, expect, it } from 'vitest';
import { Liveness } from './liveness.ts';
import { defaultTiming } from './ports.ts';

const idlePingMs = 60_000;
const at = (nowMs: number) => ({ monotonicMs: () => nowMs });

describe('Liveness', () => {
  it('pings at the client’s interval and gives up after twice that', () => {
    const liveness = new Liveness(defaultTiming, idlePingMs, 0);
    expect(liveness.nextDueMs).toBe(60_000);
    expect(liveness.check(60_000)).toBe('ping');
    expect(liveness.nextDueMs).toBe(120_000);
    expect(liveness.check(119_999)).toBe('nothing');
    expect(liveness.check(120_000)).toBe('ping_timeout');
    liveness.heard(119_999);
    expect(liveness.check(120_000)).toBe('ping');
  });

  it('pings a talker every 2 s and gives up after 6 s of silence since the grant', () => {
    const liveness = new Liveness(defaultTiming, idlePingMs, 0);
    liveness.watchTalker(true, 50_000);
    expect(liveness.nextDueMs).toBe(52_000);
    expect(liveness.check(52_000)).toBe('ping');
    expect(liveness.check(55_999)).toBe('ping');
    expect(liveness.check(56_000)).toBe('ping_timeout');
    liveness.heard(54_000);
    expect(liveness.check(59_999)).toBe('ping');
    liveness.watchTalker(false, 60_000);
    expect(liveness.nextDueMs).toBe(114_000 + 6_000);
    expect(liveness.check(100_000)).toBe('nothing');
  });

  it('does not let repeated grants put off the end of silence', () => {
    const liveness = new Liveness(defaultTiming, idlePingMs, 0);
    liveness.watchTalker(true, 0);
    liveness.watchTalker(true, 5_000);
    expect(liveness.check(6_000)).toBe('ping_timeout');
  });

  it('asks for a pong once much was written, and calls its lack a slow reader', () => {
    const liveness = new Liveness(defaultTiming, idlePingMs, 0);
    expect(liveness.wrote(256 * 1024, at(1_000))).toBe(false);
    expect(liveness.wrote(1, at(1_000))).toBe(true);
    expect(liveness.wrote(1, at(2_000))).toBe(false);
    expect(liveness.nextDueMs).toBe(11_000);
    liveness.heard(10_000);
    expect(liveness.check(10_999)).toBe('nothing');
    expect(liveness.check(11_000)).toBe('slow_consumer');
    liveness.pong(10_999);
    expect(liveness.check(11_000)).toBe('nothing');
    expect(liveness.wrote(1, at(12_000))).toBe(false);
  });

  it('finds out by pongs how far a listener is behind, and takes no more audio beyond 64 KiB', () => {
    const liveness = new Liveness(defaultTiming, idlePingMs, 0);
    const kib = (count: number) => liveness.wroteAudio(count * 1024);
    expect(kib(16)).toBe(false);
    expect(kib(1)).toBe(true);
    expect(kib(47)).toBe(false);
    expect(liveness.takesAudio).toBe(true);
    expect(kib(1)).toBe(false);
    expect(liveness.takesAudio).toBe(false);
    expect(liveness.check(11_000)).toBe('nothing');
    liveness.pong(2_000);
    expect(liveness.takesAudio).toBe(true);
    // 48 KiB were written after the ping: they are asked for by the next one.
    expect(kib(16)).toBe(true);
    expect(kib(1)).toBe(false);
    expect(liveness.takesAudio).toBe(false);
  });
});
