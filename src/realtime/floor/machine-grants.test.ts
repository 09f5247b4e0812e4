import { describe, expect, test } from 'vitest';
import { floorTimings } from './index.ts';
import {
  aliceAsSpeaker,
  busyWithAlice,
  alice,
  bob,
  carol,
  manager,
  tablet,
  idle,
  taken,
  takenByEmergency,
  pending,
  queued,
  preempting,
  policy,
  member,
  play,
  type Row,
} from '../../../test/contract/floor-group.ts';

const rows: readonly Row[] = [
  {
    row: 'idle | request by a member who may talk',
    from: idle,
    event: (group) => group.press(alice),
    answer: { status: 'granted', grant: { remainingMs: 60_000 } },
    next: 'taken alice',
    effects: ['started alice-talk'],
  },
  {
    row: 'idle | request in two steps',
    from: idle,
    event: (group) => group.press(alice, { oneStep: false }),
    answer: { status: 'prepared', silence: null, published: [] },
    next: 'pending alice',
  },
  {
    row: 'pending | commit',
    from: pending,
    event: (group) => group.commit(alice),
    answer: { status: 'granted' },
    next: 'taken alice',
    effects: ['started alice-talk'],
  },
  {
    row: 'pending | cancel or refused right',
    from: pending,
    event: (group) => group.cancel(alice, false),
    next: '',
    effects: [],
  },
  {
    row: 'pending | time over',
    from: pending,
    event: (group) => group.after(floorTimings.pendingMs),
    next: '',
    effects: [],
  },
  {
    row: 'pending | commit when time is over',
    from: pending,
    event: (group) => {
      group.after(floorTimings.pendingMs);
      return group.commit(alice);
    },
    answer: { status: 'refused', cause: 'void', withdraw: ['alice-identity'] },
    next: '',
  },
  {
    row: 'pending | its own release',
    from: pending,
    event: (group) => group.release(alice),
    answer: true,
    next: '',
    effects: ['started alice-talk', 'ended alice-talk released'],
  },
  {
    row: 'pending | its own leave',
    from: pending,
    event: (group) => {
      group.leave(alice, 'left');
      return group.commit(alice);
    },
    answer: { status: 'refused', cause: 'not_joined' },
    next: '',
    effects: [],
  },
  {
    row: 'pending | socket gone',
    from: pending,
    event: (group) => {
      group.leave(alice, 'closed');
      return group.commit(alice);
    },
    answer: { status: 'refused', cause: 'not_joined' },
    next: '',
    effects: [],
  },
  {
    row: 'pending | right lost',
    from: pending,
    event: (group) => {
      group.withdraw(alice, 'talk');
      return group.commit(alice);
    },
    answer: { status: 'refused', cause: 'listen_only' },
    next: '',
    effects: [],
  },
  {
    row: 'pending | revoke',
    from: pending,
    event: (group) => {
      group.end('revoked');
      return group.commit(alice);
    },
    answer: { status: 'refused', cause: 'busy' },
    next: '',
    effects: [],
  },
  {
    row: 'pending | request by another',
    from: pending,
    event: (group) => group.press(bob),
    answer: busyWithAlice,
    next: 'pending alice',
    effects: [],
  },
  {
    row: 'pending | request by another, queue wanted',
    from: pending,
    event: (group) => group.press(bob, { queue: true }),
    answer: { status: 'queued', position: 1 },
    next: 'pending alice, queued bob',
  },
  {
    row: "taken | request by the talker's own connection again",
    from: taken,
    event: (group) => {
      group.nowMs += 1_000;
      return group.press(alice, { talkId: 'other' });
    },
    answer: { status: 'repeated', grant: { talkId: 'alice-talk', remainingMs: 59_000, seq: 2 } },
    next: 'taken alice',
    effects: [],
  },
  {
    row: "taken | request by the same user's other device",
    from: taken,
    event: (group) => group.press(tablet, { queue: true }),
    answer: busyWithAlice,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | request by another, queue not wanted',
    from: taken,
    event: (group) => group.press(bob),
    answer: busyWithAlice,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | request by another, queue off',
    from: taken,
    event: (group) => group.press(bob, { queue: true, policy: { ...policy, queueLimit: 0 } }),
    answer: busyWithAlice,
    next: 'taken alice',
  },
  {
    row: 'taken | request by another, queue wanted',
    from: taken,
    event: (group) => group.press(bob, { queue: true }),
    answer: { status: 'queued', position: 1 },
    next: 'taken alice, queued bob',
  },
  {
    row: 'taken | … or queue_full',
    from: queued,
    event: (group) => {
      const fourth = member('dave');
      group.join(fourth);
      return group.press(fourth, { queue: true });
    },
    answer: { status: 'queue_full', holder: aliceAsSpeaker },
    next: 'taken alice, queued bob,carol',
  },
  {
    row: 'taken | emergency over an ordinary talk',
    from: taken,
    event: (group) => group.press(bob, { emergency: true }),
    answer: { status: 'granted' },
    next: 'taken bob',
    effects: ['ended alice-talk preempted', 'started bob-talk'],
  },
  {
    row: 'taken | emergency in two steps: prepare',
    from: taken,
    event: (group) => group.press(bob, { emergency: true, oneStep: false }),
    answer: { status: 'prepared', silence: 'alice-identity' },
    next: 'taken alice, pending bob',
    effects: [],
  },
  {
    row: 'taken | emergency in two steps: commit',
    from: preempting,
    event: (group) => group.commit(bob),
    answer: { status: 'granted', withdraw: ['alice-identity'] },
    next: 'taken bob',
    effects: ['ended alice-talk preempted', 'started bob-talk'],
  },
  {
    row: 'taken | emergency in two steps: the old one releases',
    from: preempting,
    event: (group) => group.release(alice),
    answer: true,
    next: 'pending bob',
    effects: ['ended alice-talk released'],
  },
  {
    row: 'taken | emergency in two steps: SPEAK fails after LISTEN',
    from: preempting,
    event: (group) => group.cancel(bob, true),
    next: '',
    effects: ['ended alice-talk media_failed'],
  },
  {
    row: 'taken | emergency in two steps: SPEAK fails before LISTEN',
    from: preempting,
    event: (group) => group.cancel(bob, false),
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | by the manager over a member where managerPreempts',
    from: taken,
    event: (group) => group.press(manager),
    answer: { status: 'granted' },
    next: 'taken manager',
    effects: ['ended alice-talk preempted', 'started manager-talk'],
  },
  {
    row: 'taken | by the manager where not managerPreempts',
    from: taken,
    event: (group) => group.press(manager, { policy: { ...policy, managerPreempts: false } }),
    answer: busyWithAlice,
    next: 'taken alice',
  },
  {
    row: 'taken | emergency over an emergency',
    from: takenByEmergency,
    event: (group) => group.press(bob, { emergency: true }),
    answer: busyWithAlice,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | emergency over an emergency, queued before ordinary askers',
    from: takenByEmergency,
    event: (group) => {
      group.press(bob, { queue: true });
      return group.press(carol, { queue: true, emergency: true });
    },
    answer: { status: 'queued', position: 1 },
    next: 'taken alice, queued carol,bob',
    effects: ['queue carol-connection,bob-connection'],
  },
  {
    row: "taken | release by the talker's session",
    from: taken,
    event: (group) => group.release(alice),
    answer: true,
    next: '',
    effects: ['ended alice-talk released'],
  },
  {
    row: "taken | release by the talker's session, with a queue",
    from: queued,
    event: (group) => group.release(alice),
    answer: true,
    next: 'pending bob, queued carol',
    effects: ['ended alice-talk released', 'handover bob-talk', 'queue carol-connection'],
  },
];

describe('the state table of the floor: who gets it', () => {
  test.each(rows)('$row', (row) => {
    const played = play(row);
    expect(played).toMatchObject({
      next: row.next,
      ...(row.answer === undefined ? {} : { answer: row.answer }),
      ...(row.effects === undefined ? {} : { effects: row.effects }),
    });
    expect(played.before[1]).toEqual(played.before[0]);
  });
});
