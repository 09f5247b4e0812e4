import { describe, expect, test, vi } from 'vitest';
import { Recording, rms } from './recording.ts';

const LOUD = new Int16Array(480).fill(3_000);
const FAINT = new Int16Array(480).fill(20);

/** A recording of one piece each 10 ms from time 0 on. */
function recordingOf(...pieces: Int16Array[]): Recording {
  const recording = new Recording();
  const clock = vi.spyOn(performance, 'now');
  for (const [index, samples] of pieces.entries()) {
    clock.mockReturnValueOnce(index * 10);
    recording.write('somebody', samples);
  }
  clock.mockRestore();
  return recording;
}

describe('a recording', () => {
  test('knows when sound began and ended, and who made it', () => {
    const recording = recordingOf(FAINT, LOUD, LOUD, FAINT);
    expect(recording.firstAudibleAfter(0)).toBe(10);
    expect(recording.firstAudibleAfter(15)).toBe(20);
    expect(recording.lastAudible()).toBe(20);
    expect(recording.talkers()).toEqual(new Set(['somebody']));
  });

  test('of silence holds nobody', () => {
    const recording = recordingOf(FAINT, FAINT);
    expect(recording.firstAudibleAfter(0)).toBeUndefined();
    expect(recording.lastAudible()).toBeUndefined();
    expect(recording.talkers().size).toBe(0);
  });

  test('gives what came in a stretch of time', () => {
    const { samples } = recordingOf(FAINT, LOUD, FAINT).between(10, 20);
    expect(samples).toEqual(LOUD);
  });

  test('measures loudness as root mean square', () => {
    expect(rms(Int16Array.of(3, -4, 3, -4))).toBeCloseTo(3.54, 2);
    expect(rms(new Int16Array(0))).toBe(0);
  });
});
