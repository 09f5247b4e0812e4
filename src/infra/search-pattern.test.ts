import { expect, it } from 'vitest';
import { containing } from './search-pattern.ts';

it.each([
  ['abc', '%abc%'],
  ['100%_', String.raw`%100\%\_%`],
  ['\\', String.raw`%\\%`],
  ['', '%%'],
])('for %j is %j', (part, pattern) => {
  expect(containing(part)).toBe(pattern);
});
