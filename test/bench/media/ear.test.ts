import { expect, test } from 'vitest';
import { Ear, Whistle } from './ear.ts';

const FRAME = 480;

test('a whistle that is blown is heard, and silence is not', async () => {
  const [whistle, ear] = [new Whistle(), new Ear()];
  ear.write('a', whistle.read(FRAME));
  expect(ear.last()).toBeUndefined();

  const blown = whistle.blow();
  ear.write('a', whistle.read(FRAME));
  const heardAtMs = ear.last() ?? Number.NaN;
  expect(heardAtMs).toBeGreaterThanOrEqual(await blown);

  whistle.hush();
  ear.write('a', whistle.read(FRAME));
  expect(ear.last()).toBe(heardAtMs);
  expect(ear.firstAfter(heardAtMs)).toBe(heardAtMs);
  expect(ear.firstAfter(heardAtMs + 1_000)).toBeUndefined();
});

test('what was heard can be forgotten', () => {
  const [whistle, ear] = [new Whistle(), new Ear()];
  void whistle.blow();
  ear.write('a', whistle.read(FRAME));
  ear.forget();
  expect(ear.last()).toBeUndefined();
});
