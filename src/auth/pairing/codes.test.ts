import { expect, it } from 'vitest';
import { createPairingCodes } from './codes.ts';

const keys = ['only-for-tests-0123456789-0123456789-0123456789', 'the-key-before-0123456789-0123456789'] as const;
const codes = createPairingCodes(keys);

it('are 8 of 20 letters, shown as two fours, each letter as likely as another', () => {
  const counts = new Map<string, number>();
  for (let round = 0; round < 5_000; round += 1) {
    const { shown } = codes.make();
    expect(shown).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/);
    for (const letter of shown.replace('-', '')) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  }
  expect(counts.size).toBe(20);
  for (const count of counts.values()) {
    // 2000 expected with a deviation of 44: six of them are left either way.
    expect(count).toBeGreaterThan(1_735);
    expect(count).toBeLessThan(2_265);
  }
});

it('are found in any case, with and without hyphens and spaces', () => {
  const { shown, hash } = codes.make();
  const bare = shown.replace('-', '');
  for (const typed of [shown, bare, shown.toLowerCase(), ` ${bare.slice(0, 2)} - ${bare.slice(2)}- `]) {
    expect(codes.hashesOf(typed)).toContain(hash);
  }
});

it.each(['', '-', 'BCDF-GHJ', 'BCDF-GHJKL', 'ACDF-GHJK', 'BCDF_GHJK', 'BCDF-GHJ1', 'ＢCDF-GHJK', 'BCDF-GHJK\u0000'])(
  'are no codes when they read %j',
  (typed) => {
    expect(codes.hashesOf(typed)).toEqual([]);
  },
);

it('of the key before are found, of other keys not, and their hashes tell nothing without a key', () => {
  const [newest, previous] = keys;
  const old = createPairingCodes([previous]).make();
  expect(codes.hashesOf(old.shown)).toContain(old.hash);
  expect(createPairingCodes([newest]).hashesOf(old.shown)).not.toContain(old.hash);
});
