import { expect, test } from 'vitest';
import { OutList } from './out-list.ts';

const alice = { userId: 'alice', sessionId: 'watch' };
const tablet = { userId: 'alice', sessionId: 'tablet' };
const bob = { userId: 'bob', sessionId: 'phone' };

test('who was put out of a group is known there, on every device', () => {
  const outs = new OutList(1_000, () => 0);
  outs.add({ groupId: 'g', userId: 'alice', sessionId: null });
  expect([outs.has('g', alice), outs.has('g', tablet)]).toEqual([true, true]);
  expect([outs.has('h', alice), outs.has('g', bob)]).toEqual([false, false]);
});

test('a session that has ended is known everywhere, and no other', () => {
  const outs = new OutList(1_000, () => 0);
  outs.add({ groupId: null, ...alice });
  expect([outs.has('g', alice), outs.has('h', alice), outs.has('g', tablet)]).toEqual([true, true, false]);
});

test('of a deleted group everybody is out', () => {
  const outs = new OutList(1_000, () => 0);
  outs.add({ groupId: 'g', userId: null, sessionId: null });
  expect([outs.has('g', alice), outs.has('g', bob), outs.has('h', bob)]).toEqual([true, true, false]);
});

test('who is a member again is not out any more', () => {
  const outs = new OutList(1_000, () => 0);
  outs.add({ groupId: 'g', userId: 'alice', sessionId: null });
  outs.forgive({ groupId: 'g', userId: 'alice', sessionId: null });
  expect(outs.has('g', alice)).toBe(false);
});

test('after the life of a token he is forgotten, counted from the last time', () => {
  let nowMs = 0;
  const outs = new OutList(1_000, () => nowMs);
  outs.add({ groupId: 'g', userId: 'alice', sessionId: null });
  outs.add({ groupId: 'g', userId: 'bob', sessionId: null });
  nowMs = 500;
  outs.add({ groupId: 'g', userId: 'alice', sessionId: null });
  nowMs = 1_200;
  expect([outs.has('g', alice), outs.has('g', bob)]).toEqual([true, false]);
  nowMs = 1_500;
  expect(outs.has('g', alice)).toBe(false);
});
