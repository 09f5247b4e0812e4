import { expect, test } from 'vitest';
import { createLocalBlocks, createStreamIds, STREAM_BLOCK } from './stream-ids.ts';

test('numbers are never given twice, however many are asked for at once', async () => {
  const streams = createStreamIds(createLocalBlocks(() => 1_000));
  const ids = await Promise.all(Array.from({ length: 3 * STREAM_BLOCK }, () => streams.next()));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toBe(STREAM_BLOCK);
});

test('numbers end within 32 bits', async () => {
  const streams = createStreamIds(async () => 2 ** 32 - 1);
  expect([await streams.next(), await streams.next()]).toEqual([2 ** 32 - 1, 0]);
});

test('talks go on for half a block at least while no block can be taken', async () => {
  let isAway = false;
  const local = createLocalBlocks(() => 1_000);
  const streams = createStreamIds(async () => {
    if (isAway) throw new Error('away');
    return local();
  });
  await streams.next();
  isAway = true;
  for (let count = 0; count < STREAM_BLOCK / 2; count++) await streams.next();
  isAway = false;
  for (let count = 0; count < STREAM_BLOCK; count++) await streams.next();
  isAway = true;
  const rest = async (): Promise<void> => {
    for (;;) await streams.next();
  };
  await expect(rest()).rejects.toThrow('away');
  isAway = false;
  expect(await streams.next()).toBeGreaterThan(0);
});
