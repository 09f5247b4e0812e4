import { afterEach, describe, expect, test, vi } from 'vitest';
import { CallFailed } from '../call-failed.ts';
import type { OpenRoom } from '../group-rooms.ts';
import { Reconciler, type ReconcilerActions, type ReconcilerTimes } from './reconciler.ts';

const open: Reconciler[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((reconciler) => reconciler.close()));
});

function setUp(
  rooms: readonly OpenRoom[],
  times: Partial<ReconcilerTimes> = {},
  actions: Partial<ReconcilerActions> = {},
) {
  const clock = { nowMs: 0 };
  const inspect = vi.fn<ReconcilerActions['inspect']>(async () => undefined);
  const warn = vi.fn();
  const reconciler = new Reconciler(
    { rooms: async () => rooms, present: () => [], inspect, ...actions },
    { censusMs: 60_000, everyMs: 5, sweepMs: 0, watchMs: 60_000, ...times },
    { warn, info: vi.fn() },
    () => clock.nowMs,
  );
  open.push(reconciler);
  /** Which groups were looked at by the next so many looks. */
  const next = async (looks: number): Promise<string[]> => {
    inspect.mockClear();
    await vi.waitFor(() => expect(inspect.mock.calls.length).toBeGreaterThanOrEqual(looks));
    return [...new Set(inspect.mock.calls.map(([groupId]) => groupId))].toSorted();
  };
  return { reconciler, inspect, warn, next, clock };
}

function quiet(...groups: string[]): OpenRoom[] {
  return groups.map((groupId) => ({ groupId, sid: groupId, participants: 1, publishers: 0 }));
}

/** More than are looked at in one round. */
const many = quiet(...Array.from({ length: 120 }, (_, index) => `other-${String(index).padStart(3, '0')}`));

describe('a round of looks', () => {
  test('is of the rooms with members of this process, with publishers, and watched, every time', async () => {
    const rooms = [...many, ...quiet('mine'), { groupId: 'loud', sid: 'loud', participants: 2, publishers: 1 }];
    const { reconciler, inspect } = setUp(rooms, {}, { present: () => ['mine', 'of-no-room'] });
    reconciler.watch('watched');
    reconciler.sweep();
    const looksAt = (groupId: string): number => inspect.mock.calls.filter(([seen]) => seen === groupId).length;
    await vi.waitFor(() => expect(looksAt('loud')).toBeGreaterThan(6));
    expect(looksAt('mine')).toBeGreaterThan(5);
    expect(looksAt('watched')).toBeGreaterThan(5);
    expect(looksAt('of-no-room')).toBe(0);
    // A third of the others a round.
    expect(looksAt('other-000')).toBeLessThan(looksAt('loud') - 2);
  });

  test('comes to all other rooms in turn', async () => {
    const { reconciler, next } = setUp(many);
    reconciler.sweep();
    expect(await next(250)).toEqual(many.map(({ groupId }) => groupId));
  });

  test('is of all rooms for a while after a start', async () => {
    const { reconciler, inspect } = setUp(many, { sweepMs: 60_000, everyMs: 60_000 });
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(many.length));
  });

  test('a sweep that is asked for does not wait for the next round', async () => {
    const { reconciler, inspect } = setUp(quiet('one'), { everyMs: 60_000 });
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(1));
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(2));
  });

  test('a room that could not be looked at is looked at again, though it is gone from the list', async () => {
    let rooms = quiet('one');
    const { reconciler, inspect } = setUp([], {}, { rooms: async () => rooms });
    inspect.mockImplementationOnce(async () => {
      rooms = [];
      throw new Error('away');
    });
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect.mock.calls.length).toBeGreaterThan(2));
  });

  test('what is watched is forgotten after its time', async () => {
    const { reconciler, inspect, next, clock } = setUp(quiet('one'), { watchMs: 1_000 });
    reconciler.watch('watched');
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledWith('watched'));
    clock.nowMs = 1_000;
    await vi.waitFor(async () => expect(await next(3)).toEqual(['one']));
  });

  test('a list that fails is told once, and not at all while the media server is away', async () => {
    const rooms = vi.fn<ReconcilerActions['rooms']>(async () => Promise.reject(new CallFailed('held_back')));
    const { reconciler, inspect, warn } = setUp([], {}, { rooms });
    reconciler.sweep();
    await vi.waitFor(() => expect(rooms.mock.calls.length).toBeGreaterThan(2));
    expect(warn).not.toHaveBeenCalled();
    rooms.mockImplementation(async () => Promise.reject(new Error('something else')));
    rooms.mockClear();
    await vi.waitFor(() => expect(rooms.mock.calls.length).toBeGreaterThan(2));
    expect(warn).toHaveBeenCalledTimes(1);
    rooms.mockImplementation(async () => quiet('one'));
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledWith('one'));
  });
});

describe('between the rounds', () => {
  test('a room in whose count something changes is looked at, and no other', async () => {
    let rooms = many;
    const { reconciler, inspect } = setUp(many, { censusMs: 1, everyMs: 60_000 }, { rooms: async () => rooms });
    reconciler.sweep();
    // The first round.
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(50));
    inspect.mockClear();
    rooms = many.map((room, index) => (index === 70 ? { ...room, participants: 2 } : room));
    await vi.waitFor(() => expect(inspect).toHaveBeenCalled());
    expect(inspect.mock.calls).toEqual([['other-070']]);
  });

  test('a media server that was started again unnoticed makes a sweep of all rooms begin', async () => {
    let rooms = many;
    const times = { censusMs: 1, everyMs: 60_000, sweepMs: 1_000 };
    const { reconciler, inspect, clock } = setUp(many, times, { rooms: async () => rooms });
    reconciler.sweep();
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(many.length));
    clock.nowMs = 10_000;
    inspect.mockClear();
    rooms = many.map((room) => ({ ...room, sid: `another ${room.groupId}` }));
    // Each as a room that is new, and in the sweep.
    await vi.waitFor(() => expect(inspect).toHaveBeenCalledTimes(2 * many.length));
  });
});
