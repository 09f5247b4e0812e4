import { describe, expect, test } from 'vitest';
import { floorTimings } from './index.ts';
import {
  alice,
  bob,
  carol,
  groupId,
  play,
  queued,
  type Row,
  tablet,
  taken,
} from '../../../test/contract/floor-group.ts';

const rows: readonly Row[] = [
  {
    row: 'any | release by anybody else',
    from: taken,
    event: (group) => group.release(bob),
    answer: false,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'any | release naming another talkId',
    from: taken,
    event: (group) => group.release(alice, 'other'),
    answer: false,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'any | release without talkId gives up the queue place',
    from: queued,
    event: (group) => group.release(bob),
    answer: false,
    next: 'taken alice, queued carol',
    effects: ['queue carol-connection'],
  },
  {
    row: 'any | release with talkId does not',
    from: queued,
    event: (group) => group.release(bob, 'other'),
    answer: false,
    next: 'taken alice, queued bob,carol',
    effects: [],
  },
  {
    row: 'taken | maxTalkMs reached',
    from: taken,
    event: (group) => {
      group.after(60_000);
      return group.press(alice);
    },
    answer: { status: 'cooldown', retryAfterMs: 2_000 },
    next: '',
  },
  {
    row: 'taken | … just before',
    from: taken,
    event: (group) => group.after(59_999),
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | contendedTalkMs since the first other asker',
    from: taken,
    event: (group) => {
      group.press(bob);
      group.after(1_000);
      group.press(carol);
      group.after(19_000);
    },
    next: '',
    effects: ['ended alice-talk too_long'],
  },
  {
    row: "taken | … not by the talker's own second device",
    from: taken,
    event: (group) => {
      group.press(tablet);
      group.after(21_000);
    },
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | revoke by manager/admin',
    from: taken,
    event: (group) => group.end('revoked'),
    answer: true,
    next: '',
    effects: ['ended alice-talk revoked'],
  },
  {
    row: 'taken | revoke naming another talk',
    from: taken,
    event: (group) => group.end('revoked', 'other'),
    answer: false,
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | talker leaves the group',
    from: taken,
    event: (group) => group.leave(alice, 'left'),
    next: '',
    effects: ['ended alice-talk released'],
  },
  {
    row: "taken | talker's socket gone",
    from: taken,
    event: (group) => group.leave(alice, 'closed'),
    next: 'taken alice',
    effects: [],
  },
  {
    row: "taken | talker's socket gone for the reconnect grace",
    from: taken,
    event: (group) => {
      group.leave(alice, 'closed');
      group.after(floorTimings.graceMs);
    },
    next: '',
    effects: ['ended alice-talk lost'],
  },
  {
    row: 'taken | same session back in time keeps the talk',
    from: taken,
    event: (group) => {
      group.leave(alice, 'closed');
      group.after(floorTimings.graceMs - 1);
      const back = { ...alice, connectionId: 'back' };
      group.join(back);
      group.after(floorTimings.graceMs);
      return group.press(back);
    },
    answer: { status: 'repeated', grant: { talkId: 'alice-talk' } },
    next: 'taken alice',
  },
  {
    row: 'taken | a late close of the old socket',
    from: taken,
    event: (group) => {
      group.join({ ...alice, connectionId: 'back' });
      group.leave(alice, 'closed');
      group.after(floorTimings.graceMs);
    },
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | member removed',
    from: taken,
    event: (group) => group.withdraw(alice, 'member'),
    next: '',
    effects: ['ended alice-talk removed'],
  },
  {
    row: 'taken | talk right taken',
    from: taken,
    event: (group) => {
      group.withdraw(alice, 'talk');
      return group.press(alice);
    },
    answer: { status: 'listen_only' },
    next: '',
  },
  {
    row: 'taken | media gone',
    from: taken,
    event: (group) => group.end('media_failed', 'alice-talk'),
    answer: true,
    next: '',
    effects: ['ended alice-talk media_failed'],
  },
  {
    row: 'taken | lease ran out',
    from: taken,
    event: (group) => {
      group.nowMs += floorTimings.leaseMs;
      group.take('settle', { groupId }, 'there');
    },
    next: '',
    effects: ['ended alice-talk expired'],
  },
  {
    row: 'taken | … until then the session may come back elsewhere',
    from: taken,
    event: (group) => {
      group.nowMs += floorTimings.leaseMs - 1;
      group.join({ ...alice, connectionId: 'back' }, 'there');
      group.nowMs += 1;
      group.take('settle', { groupId }, 'there');
    },
    next: 'taken alice',
    effects: [],
  },
  {
    row: 'taken | its process does not honour it',
    from: taken,
    event: (group) => group.renew([]),
    answer: true,
    next: '',
    effects: ['ended alice-talk lost'],
  },
  {
    row: 'queued | left',
    from: queued,
    event: (group) => group.leave(bob, 'left'),
    next: 'taken alice, queued carol',
    effects: ['queue carol-connection'],
  },
  {
    row: 'queued | socket gone',
    from: queued,
    event: (group) => group.leave(carol, 'closed'),
    next: 'taken alice, queued bob',
    effects: ['queue bob-connection'],
  },
  {
    row: 'queued | talk right lost',
    from: queued,
    event: (group) => group.withdraw(bob, 'talk'),
    next: 'taken alice, queued carol',
    effects: ['queue carol-connection', 'failed bob-connection listen_only'],
  },
];

describe('the state table of the floor: how it ends', () => {
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
