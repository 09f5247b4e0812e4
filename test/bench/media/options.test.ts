import { expect, test } from 'vitest';
import { readOptions } from './options.ts';

test('without options everything runs in twenty rounds', () => {
  expect(readOptions([])).toEqual({
    parts: ['access', 'voice', 'pages'],
    rounds: 20,
    pressesPerRound: 20,
    short: false,
    jsonFile: null,
  });
});

test('parts are named, and run in their own order', () => {
  expect(readOptions(['--only', 'voice', '--only', 'access', '--short'])).toMatchObject({
    parts: ['access', 'voice'],
    rounds: 1,
  });
});

test.each([['--only', 'nothing'], ['--rounds', '0'], ['--surprise']])('a wrong option is refused: %s %s', (...args) => {
  expect(() => readOptions(args)).toThrow(args.at(-1));
});
