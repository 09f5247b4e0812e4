import { expect, test } from 'vitest';
import { readOptions } from './options.ts';
import { rows } from './rows.ts';

test('without options all rows run in nine rounds', () => {
  expect(readOptions([])).toEqual({ rows, rounds: 9, short: false, twinOnly: false, jsonFile: null });
});

test('a row is named whole or by its beginning, several add up, in the order of the table', () => {
  expect(readOptions(['--row', 'fanout-500', '--row', 'grant-1'])).toMatchObject({
    rows: [{ name: 'grant-1-p50' }, { name: 'grant-1-p99' }, { name: 'fanout-500' }],
  });
});

test.each([['--row', 'no-such'], ['--rounds', '0'], ['--rounds', 'many'], ['--surprise'], ['stray']])(
  'a wrong option is refused: %s %s',
  (...args) => {
    expect(() => readOptions(args)).toThrow(args.at(-1));
  },
);

test('names of rows are unique', () => {
  expect(new Set(rows.map((row) => row.name)).size).toBe(rows.length);
});
