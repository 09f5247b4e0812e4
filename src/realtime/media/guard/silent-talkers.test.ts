import { expect, test } from 'vitest';
import { SilentTalkers } from './silent-talkers.ts';

const GROUP = 'group';

function setUp() {
  const scene = { nowMs: 0 };
  const silent = new SilentTalkers(() => scene.nowMs);
  const saw = (atMs: number, hasTrack: boolean, talkId = 'talk'): boolean => {
    scene.nowMs = atMs;
    return silent.saw(GROUP, talkId, hasTrack);
  };
  return { silent, saw };
}

test('who had published and is without a track for 4 s has lost his media', () => {
  const { saw } = setUp();
  expect([saw(0, true), saw(2_000, false), saw(5_999, false), saw(6_000, false)]).toEqual([false, false, false, true]);
});

test('who has not published yet has not', () => {
  const { saw } = setUp();
  expect([saw(0, false), saw(4_000, false), saw(60_000, false)]).toEqual([false, false, false]);
});

test('a track that comes back begins the time anew', () => {
  const { saw } = setUp();
  expect([saw(0, true), saw(1_000, false), saw(4_000, true), saw(5_000, false), saw(8_999, false)]).not.toContain(true);
  expect(saw(9_000, false)).toBe(true);
});

test('a look that failed begins the time anew: the API that is away says nothing', () => {
  const { silent, saw } = setUp();
  saw(0, true);
  saw(1_000, false);
  silent.couldNotLook(GROUP);
  expect([saw(9_000, false), saw(12_999, false), saw(13_000, false)]).toEqual([false, false, true]);
});

test('the talk after it begins without a track', () => {
  const { silent, saw } = setUp();
  saw(0, true);
  saw(1_000, false);
  expect([saw(6_000, false, 'next'), saw(20_000, false, 'next')]).toEqual([false, false]);
  saw(21_000, true, 'next');
  silent.forget(GROUP);
  expect([saw(22_000, false, 'next'), saw(40_000, false, 'next')]).toEqual([false, false]);
});
