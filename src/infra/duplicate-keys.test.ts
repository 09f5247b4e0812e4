import fc from 'fast-check';
import { expect, it } from 'vitest';
import { firstDuplicateKey } from './duplicate-keys.ts';

it.each([
  ['{"a":1,"a":2}', 'a'],
  [String.raw`{"a":1,"\u0061":2}`, 'a'],
  ['{"x":{"b":[{"c":1,"c":2}]}}', 'x.b.0.c'],
  ['{"device":{"name":"x","name":"y"}}', 'device.name'],
  ['{"a":{"b":1},"c":[1,[2,"x"],{"d":{},"e":0,"d":1}]}', 'c.2.d'],
  ['[{"a":1},{"a":{"b":1},"a":2}]', '1.a'],
  ['{"":1,"":2}', ''],
  [String.raw`{"\"":1,"b":{},"\"":2}`, '"'],
  ['{"a":{"b":1},"b":{"a":1}}', undefined],
  ['["a","a",{"a":"a"},{"a":"a"}]', undefined],
  ['{"a":"a","b":"a, \\"a\\": {"}', undefined],
  ['"a"', undefined],
])('of %s is %j', (text, key) => {
  expect(firstDuplicateKey(text)).toBe(key);
});

it('is never found in what JSON.stringify wrote', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => firstDuplicateKey(JSON.stringify(value)) === undefined));
});
