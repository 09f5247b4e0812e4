import { describe, expect, test } from 'vitest';
import { emptyGroup, floorTimings, isForgettable, slotOf } from './index.ts';
import {
  alice,
  bob,
  carol,
  everybody,
  groupId,
  Group,
  queued,
  preempting,
  say,
  START_MS,
} from '../../../test/contract/floor-group.ts';

describe('besides the table', () => {
  test('starts and ends alternate, and every ended talk is noted once', () => {
    const group = new Group();
    queued(group);
    group.release(alice);
    group.commit(bob);
    group.end('revoked');
    group.commit(carol);
    group.release(carol);
    expect(group.history).toEqual(['opened', 'alice-talk released', 'bob-talk revoked', 'carol-talk released']);
    expect(group.state.log.flatMap(say)).toEqual([
      'started alice-talk',
      'ended alice-talk released',
      'started bob-talk',
      'ended bob-talk revoked',
      'started carol-talk',
      'ended carol-talk released',
    ]);
  });

  test('the slot is the holder of the reservation, then of the talk, under the time that is left', () => {
    const group = new Group();
    preempting(group);
    expect(slotOf(group.state, group.nowMs)).toEqual({ userId: 'bob', ttlMs: floorTimings.pendingMs });
    group.commit(bob);
    expect(slotOf(group.state, group.nowMs + 1)).toEqual({ userId: 'bob', ttlMs: floorTimings.leaseMs - 1 });
    expect(slotOf(group.state, group.nowMs + floorTimings.leaseMs)).toBeNull();
  });

  test('when to look again is the nearest of what is due', () => {
    const group = new Group();
    expect(group.take('settle', { groupId }).dueInMs).toBe(floorTimings.leaseMs - floorTimings.presenceFlushMs);
    group.press(bob, { oneStep: false });
    expect(group.take('settle', { groupId }).dueInMs).toBe(floorTimings.pendingMs);
    group.commit(bob);
    group.leave(bob, 'closed');
    expect(group.take('settle', { groupId }).dueInMs).toBe(floorTimings.presenceFlushMs);
    group.after(floorTimings.presenceFlushMs);
    expect(group.take('settle', { groupId }).dueInMs).toBe(floorTimings.graceMs - floorTimings.presenceFlushMs);
  });

  test('a newer generation ends what is open without a number and begins a new epoch', () => {
    const group = new Group();
    queued(group);
    const before = group.state.life;
    group.generation = 2;
    const { epoch, seq, published } = group.take('settle', { groupId });
    expect({ epoch, seq, published }).toEqual({ epoch: 2 * 2 ** 32 + START_MS / 1_000, seq: 0, published: [] });
    expect(epoch).toBeGreaterThan(before?.epoch ?? 0);
    expect(group.position).toBe('');
    expect(group.history.at(-1)).toBe('alice-talk expired');
  });

  test('nothing is granted in the quiet, and what runs goes on', () => {
    const group = new Group();
    group.press(alice);
    group.quietUntilMs = group.nowMs + 700;
    expect(group.press(alice)).toMatchObject({ status: 'repeated' });
    group.release(alice);
    expect(group.press(bob)).toMatchObject({ status: 'quiet', retryAfterMs: 700 });
  });

  test('a group lingers after its last member, then nothing of it is kept but rights', () => {
    const group = new Group();
    group.press(alice, { oneStep: false });
    for (const each of everybody) group.leave(each, 'left');
    group.after(floorTimings.lingerMs - 1);
    expect(group.state.life).not.toBeNull();
    group.nowMs += 1;
    group.take('settle', { groupId });
    expect(group.history.at(-1)).toBe('closed');
    expect(isForgettable(group.state)).toBe(false);
    expect(group.state).toEqual({ ...emptyGroup, rights: ['alice-identity'] });
    group.take('rightsCleared', { groupId, identities: ['alice-identity'] });
    expect(isForgettable(group.state)).toBe(true);
  });
});
