import { expect, test } from 'vitest';
import { slotOfKey, tagWithin } from './redis-slots.ts';

test('the checksum is the one of the specification', () => {
  expect(slotOfKey('123456789')).toBe(0x31c3);
});

test('a hash tag alone decides; an empty or open one does not count', () => {
  expect(slotOfKey('a:{123456789}:b{c}')).toBe(0x31c3);
  expect(slotOfKey('é{123456789}')).toBe(0x31c3);
  expect(slotOfKey('foo{}{bar}')).toBe(8363);
  expect(slotOfKey('{123456789')).not.toBe(0x31c3);
});

test('a tag is found for any single slot', () => {
  for (const slot of [0, 1, 8_191, 16_383]) expect(slotOfKey(`{${tagWithin((each) => each === slot)}}`)).toBe(slot);
});
