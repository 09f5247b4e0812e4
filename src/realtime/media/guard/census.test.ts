import { expect, test } from 'vitest';
import type { OpenRoom } from '../group-rooms.ts';
import { Census } from './census.ts';

function room(groupId: string, participants: number, publishers = 0, sid = `sid of ${groupId}`): OpenRoom {
  return { groupId, sid, participants, publishers };
}

/** What the lists say, each a moment after the one before; the moments are in milliseconds. */
function findings(...lists: readonly (readonly [nowMs: number, rooms: readonly OpenRoom[]])[]): string[][] {
  const census = new Census();
  return lists.map(([nowMs, rooms]) => [...census.take(rooms, nowMs).groups]);
}

test('what the first list says is news of nothing', () => {
  expect(findings([0, [room('one', 2, 1)]], [500, [room('one', 2, 1)]])).toEqual([[], []]);
});

test.each([
  ['somebody has come', room('one', 3)],
  ['somebody has gone', room('one', 1)],
  ['somebody publishes', room('one', 2, 1)],
  ['it is another room of the same name', room('one', 2, 0, 'sid of another')],
])('a room is looked at when %s', (_what, now) => {
  const other = room('other', 2);
  expect(findings([0, [room('one', 2), other]], [500, [now, other]])).toEqual([[], ['one']]);
});

test('a room is looked at when it is new, and not when it is gone', () => {
  expect(findings([0, []], [500, [room('one', 1)]])).toEqual([[], ['one']]);
  expect(findings([0, [room('one', 1), room('two', 1)]], [500, [room('two', 1)]])).toEqual([[], []]);
});

test('what the media server hides for 5 s after a change is met by looks 2 s apart, the last after those 5 s', () => {
  const lists = Array.from({ length: 30 }, (_, index): [number, OpenRoom[]] => [500 * index, [room('one', 2)]]);
  const changedAtMs = 1_000;
  const looks = findings([0, [room('one', 1)]], ...lists.map(([atMs, rooms]) => [atMs + changedAtMs, rooms] as const))
    .slice(1)
    .flatMap((groups, index) => groups.map(() => 500 * index));
  expect(looks).toEqual([0, 2_000, 4_000, 6_000]);
});

test.each([
  ['all rooms with somebody in them are gone', [room('empty', 0)]],
  ['all rooms with somebody in them are others', [room('one', 1, 0, 'new'), room('two', 0, 0, 'new')]],
])('a media server was started again when %s', (_what, now) => {
  const census = new Census();
  census.take([room('one', 2), room('two', 1), room('empty', 0)], 0);
  expect(census.take(now, 500).wasStartedAgain).toBe(true);
  expect(census.take(now, 1_000).wasStartedAgain).toBe(false);
});

test('it was not when one room lives on, or when nobody was in any', () => {
  const census = new Census();
  expect(census.take([room('one', 2), room('two', 1)], 0).wasStartedAgain).toBe(false);
  expect(census.take([room('one', 1), room('two', 1, 0, 'new')], 500).wasStartedAgain).toBe(false);
  census.take([room('one', 0), room('two', 0, 0, 'new')], 1_000);
  expect(census.take([], 1_500).wasStartedAgain).toBe(false);
});
