import { expect, it } from 'vitest';
import { TokenBucket } from './token-bucket.ts';

it('gives the burst at once, then so many a second, never more than the burst', () => {
  const bucket = new TokenBucket(100, 0);
  const take = (nowMs: number): number => {
    for (let taken = 0; ; taken += 1) if (!bucket.take(nowMs, 50, 100)) return taken;
  };
  expect(take(0)).toBe(100);
  expect(take(19)).toBe(0);
  expect(take(20)).toBe(1);
  expect(take(1_020)).toBe(50);
  expect(take(100_000)).toBe(100);
});
