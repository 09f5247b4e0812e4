import { describe, expect, test } from 'vitest';
import type { ServerMessage } from '../../_support/wire.ts';
import { checkHistory } from './check.ts';
import { type Circumstances, type ConnectionRecord, type History, type StoredTalk, undisturbed } from './history.ts';
import type { Rule } from './report.ts';

const GROUP = 'g';
const EPOCH = 7;
const [ALICE, BOB] = ['alice', 'bob'];

/** A history of two people: Alice talks twice; everything is as it must be. */
class Story {
  readonly connections: ConnectionRecord[] = [];
  stored: StoredTalk[] = [row('t1', ALICE, 'released', 100), row('t2', ALICE, 'released', 200)];
  last: ServerMessage[] = [];
  leaks: string[] = [];
  circumstances: Circumstances = undisturbed;
  readonly alice: ConnectionRecord;
  readonly bob: ConnectionRecord;

  constructor() {
    this.alice = this.connect(ALICE);
    this.bob = this.connect(BOB);
    this.send(this.alice, 0, 'j', 'JOIN_GROUP', { groupId: GROUP });
    this.see(this.alice, 1, snapshot({ re: 'j' }));
    this.send(this.bob, 0, 'j', 'JOIN_GROUP', { groupId: GROUP });
    this.see(this.bob, 1, snapshot({ re: 'j' }));
    this.talk('t1', 1, 10, 100);
    this.talk('t2', 3, 20, 200);
    this.last = [snapshot({ re: 'x', seq: 4 })];
  }

  connect(userId: string): ConnectionRecord {
    const connection: ConnectionRecord = {
      name: userId,
      userId,
      sessionId: `session of ${userId} ${this.connections.length}`,
      process: 0,
      sent: [],
      received: [],
      frozen: [],
      endedAtMs: null,
      endCode: null,
    };
    this.connections.push(connection);
    return connection;
  }

  send(by: ConnectionRecord, atMs: number, id: string, type: string, fields: Record<string, unknown>): void {
    by.sent.push({ atMs, id, type, fields });
  }

  see(who: ConnectionRecord, atMs: number, message: ServerMessage): void {
    who.received.push({ atMs, message });
  }

  talk(talkId: string, seq: number, atMs: number, durationMs: number): void {
    this.send(this.alice, atMs, `${talkId} ask`, 'REQUEST_TALK', { groupId: GROUP });
    this.see(this.alice, atMs + 1, event('TALK_GRANTED', seq, { re: `${talkId} ask`, talkId, streamId: 1 }));
    this.see(this.bob, atMs + 1, event('TALK_STARTED', seq, { talkId, streamId: 1, speaker: person(ALICE) }));
    this.send(this.alice, atMs + 2, `${talkId} let`, 'RELEASE_TALK', { groupId: GROUP });
    this.see(this.alice, atMs + 3, { type: 'TALK_RELEASED', re: `${talkId} let`, groupId: GROUP, released: true });
    const ended = { talkId, speaker: person(ALICE), cause: 'released', durationMs };
    for (const who of [this.alice, this.bob]) this.see(who, atMs + 3, event('TALK_ENDED', seq + 1, ended));
  }

  get history(): History {
    const group = { groupId: GROUP, shortestLimitMs: 1_000, isDeleted: false, last: this.last };
    const { connections, stored, circumstances, leaks } = this;
    return { connections, groups: [group], stored, circumstances, leaks };
  }

  /** Changes what somebody saw; `change` returns null to leave the message out. */
  edit(who: ConnectionRecord, change: (message: ServerMessage) => ServerMessage | null): void {
    const edited = who.received.flatMap(({ atMs, message }) => {
      const next = change(message);
      return next === null ? [] : [{ atMs, message: next }];
    });
    who.received.splice(0, who.received.length, ...edited);
  }

  rules(): Rule[] {
    return [...new Set(checkHistory(this.history).violations.map(({ rule }) => rule))].toSorted();
  }
}

function person(userId: string): { userId: string; displayName: string } {
  return { userId, displayName: userId };
}

function snapshot(fields: Partial<ServerMessage>): ServerMessage {
  const presence = [ALICE, BOB].map((userId) => ({ ...person(userId), role: 'member' }));
  const idle = { floor: { state: 'idle' as const }, presence, presenceCount: 2, recovered: false, missed: [] };
  return { type: 'GROUP_JOINED', groupId: GROUP, epoch: EPOCH, seq: 0, ...idle, ...fields };
}

function event(type: string, seq: number, fields: Partial<ServerMessage>): ServerMessage {
  return { type, groupId: GROUP, epoch: EPOCH, seq, ...fields };
}

function row(talkId: string, userId: string, cause: string, durationMs: number): StoredTalk {
  return { talkId, groupId: GROUP, userId, cause, durationMs };
}

function isEvent(message: ServerMessage, type: string, talkId: string): boolean {
  return message.type === type && message.talkId === talkId;
}

test('a history in which all is well has no violation', () => {
  const verdict = checkHistory(new Story().history);
  expect(verdict.violations).toEqual([]);
  expect(verdict).toMatchObject({ events: 4, talks: 2 });
});

describe('invariant 1: one open talk', () => {
  test('a talk starts while another is open', () => {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) =>
        isEvent(message, 'TALK_ENDED', 't1')
          ? event('TALK_STARTED', 2, { talkId: 't9', streamId: 9, speaker: person(BOB) })
          : message,
      );
    }
    expect(story.rules()).toContain('one open talk');
  });

  test('a snapshot shows a talk that has ended', () => {
    const story = new Story();
    const carol = story.connect('carol');
    story.send(carol, 0, 'j', 'JOIN_GROUP', { groupId: GROUP });
    story.see(carol, 15, snapshot({ re: 'j', seq: 2, floor: { state: 'taken', talkId: 't1' } }));
    carol.endedAtMs = 16;
    expect(story.rules()).toEqual(['one open talk', 'views']);
  });

  test('one talk is granted to two sessions', () => {
    const story = new Story();
    story.edit(story.bob, (message) =>
      isEvent(message, 'TALK_STARTED', 't1') ? { ...message, type: 'TALK_GRANTED' } : message,
    );
    expect(story.rules()).toContain('one grant');
  });
});

describe('invariant 2: numbers', () => {
  test('a number is left out', () => {
    const story = new Story();
    story.edit(story.bob, (message) => (isEvent(message, 'TALK_ENDED', 't1') ? null : message));
    expect(story.rules()).toEqual(['order']);
  });

  test('a number comes twice', () => {
    const story = new Story();
    story.see(
      story.bob,
      30,
      event('TALK_ENDED', 4, { talkId: 't2', speaker: person(ALICE), cause: 'released', durationMs: 200 }),
    );
    expect(story.rules()).toEqual(['order']);
  });

  test('an older snapshot comes after a newer event', () => {
    const story = new Story();
    story.send(story.bob, 30, 'j2', 'JOIN_GROUP', { groupId: GROUP });
    story.see(story.bob, 31, snapshot({ re: 'j2', seq: 2 }));
    expect(story.rules()).toContain('order');
  });

  test('an earlier epoch comes back', () => {
    const story = new Story();
    story.see(story.bob, 31, { ...snapshot({}), type: 'GROUP_STATE', epoch: EPOCH - 1 });
    expect(story.rules()).toContain('order');
  });

  test('what was missed does not reach to the snapshot', () => {
    const story = new Story();
    story.send(story.bob, 30, 'j2', 'JOIN_GROUP', { groupId: GROUP, since: { epoch: EPOCH, seq: 2 } });
    const missed = [event('TALK_STARTED', 3, { talkId: 't2', streamId: 1, speaker: person(ALICE) })];
    story.see(
      story.bob,
      31,
      snapshot({ re: 'j2', seq: 4, recovered: true, missed: missed.map((one) => ({ ...one, seq: 3 })) }),
    );
    expect(story.rules()).toEqual(['order']);
  });

  test('two clients see another event under one number', () => {
    const story = new Story();
    story.edit(story.bob, (message) =>
      isEvent(message, 'TALK_ENDED', 't1') ? { ...message, durationMs: 101 } : message,
    );
    expect(story.rules()).toEqual(['equal events']);
  });

  test('an end names another talk', () => {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) => (isEvent(message, 'TALK_ENDED', 't1') ? { ...message, talkId: 't0' } : message));
    }
    expect(story.rules()).toContain('one open talk');
  });
});

describe('invariant 3: one end, one row', () => {
  test('a talk has no end', () => {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) => (isEvent(message, 'TALK_ENDED', 't2') ? null : message));
    }
    story.last = [snapshot({ re: 'x', seq: 3, floor: { state: 'taken', talkId: 't2', speaker: person(ALICE) } })];
    expect(story.rules()).toContain('one end');
  });

  test('a talk ends twice', () => {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.see(
        who,
        40,
        event('TALK_ENDED', 5, { talkId: 't2', speaker: person(ALICE), cause: 'released', durationMs: 200 }),
      );
    }
    story.last = [snapshot({ re: 'x', seq: 5 })];
    expect(story.rules()).toEqual(['one end', 'one open talk']);
  });

  test.each([
    ['is not stored', (): StoredTalk[] => []],
    ['is stored twice', (one: StoredTalk): StoredTalk[] => [one, one]],
    ['is stored with another cause', (one: StoredTalk): StoredTalk[] => [{ ...one, cause: 'lost' }]],
    ['is stored with another duration', (one: StoredTalk): StoredTalk[] => [{ ...one, durationMs: 1 }]],
    ['is stored for another', (one: StoredTalk): StoredTalk[] => [{ ...one, userId: BOB }]],
  ])('a talk %s', (_name, change) => {
    const story = new Story();
    story.stored = story.stored.flatMap((one) => (one.talkId === 't1' ? change(one) : [one]));
    expect(story.rules()).toEqual(['one row']);
  });

  test('a talk is stored of which nobody was told', () => {
    const story = new Story();
    story.stored.push(row('t9', BOB, 'released', 5));
    expect(story.rules()).toEqual(['one row']);
  });

  test('what an emptied store took with it is counted, and its talks may be told by another clock', () => {
    const story = new Story();
    story.circumstances = { ...undisturbed, storeWasLost: true };
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) => (isEvent(message, 'TALK_ENDED', 't2') ? null : message));
      story.see(who, 50, { ...snapshot({}), type: 'GROUP_STATE', epoch: EPOCH + 1 });
    }
    story.last = [snapshot({ re: 'x', epoch: EPOCH + 1 })];
    story.stored = [];
    expect(story.rules()).toEqual(['one row']);
    expect(checkHistory(story.history).lostWithTheStore).toEqual({ open: 1, ended: 1 });
    story.stored = [row('t1', ALICE, 'released', 103), row('t2', ALICE, 'expired', 7)];
    expect(story.rules()).toEqual([]);
    story.circumstances = undisturbed;
    expect(story.rules()).toEqual(['one row']);
  });
});

test('invariant 4: somebody hears of a group that he has not joined, or has left', () => {
  const stranger = new Story();
  const carol = stranger.connect('carol');
  stranger.see(carol, 11, event('TALK_STARTED', 1, { talkId: 't1', streamId: 1, speaker: person(ALICE) }));
  expect(stranger.rules()).toEqual(['outsiders']);
  const gone = new Story();
  gone.edit(gone.bob, (message) =>
    isEvent(message, 'TALK_ENDED', 't1') ? { type: 'GROUP_LEFT', groupId: GROUP } : message,
  );
  expect(gone.rules()).toContain('order');
});

describe('invariant 5: rightful ends', () => {
  function endedBy(cause: string, change: (story: Story) => void = () => undefined): Rule[] {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) => (isEvent(message, 'TALK_ENDED', 't2') ? { ...message, cause } : message));
    }
    story.stored = story.stored.map((one) => (one.talkId === 't2' ? { ...one, cause } : one));
    change(story);
    return story.rules();
  }

  test('released by nobody', () => {
    const story = new Story();
    const { sent, received } = story.alice;
    sent.splice(0, sent.length, ...sent.filter(({ type }) => type !== 'RELEASE_TALK'));
    received.splice(0, received.length, ...received.filter(({ message }) => message.type !== 'TALK_RELEASED'));
    expect(story.rules()).toEqual(['rightful end']);
  });

  test.each(['revoked', 'removed', 'lost', 'expired', 'too_long', 'media_failed'])('%s for no reason', (cause) => {
    expect(endedBy(cause)).toEqual(['rightful end']);
  });

  test('preempted for nobody', () => {
    const story = new Story();
    for (const who of [story.alice, story.bob]) {
      story.edit(who, (message) =>
        isEvent(message, 'TALK_ENDED', 't1') ? { ...message, cause: 'preempted' } : message,
      );
    }
    story.stored = story.stored.map((one) => (one.talkId === 't1' ? { ...one, cause: 'preempted' } : one));
    expect(story.rules()).toEqual(['rightful end']);
  });

  test('with a reason they are right', () => {
    expect(endedBy('lost', ({ alice }) => alice.frozen.push({ fromMs: 0, toMs: 20 }))).toEqual([]);
    const refused = endedBy('lost', (story) => {
      story.send(story.alice, 15, 'r', 'REQUEST_TALK', { groupId: GROUP });
      story.see(story.alice, 19, { type: 'TALK_DENIED', re: 'r', groupId: GROUP, cause: 'unavailable' });
    });
    expect(refused).toEqual([]);
    const expired = endedBy('expired', (story) => {
      story.circumstances = { ...undisturbed, processAway: [{ process: 0, fromMs: 1, toMs: 2 }] };
    });
    expect(expired).toEqual([]);
    const revoked = endedBy('revoked', (story) => {
      story.circumstances = { ...undisturbed, revoked: [{ atMs: 15, groupId: GROUP }] };
    });
    expect(revoked).toEqual([]);
    const removed = endedBy('removed', (story) => {
      story.circumstances = { ...undisturbed, removed: [{ atMs: 15, groupId: GROUP, userId: ALICE }] };
    });
    expect(removed).toEqual([]);
  });
});

test('invariant 6: something is granted while the store is away', () => {
  const story = new Story();
  story.circumstances = { ...undisturbed, nothingGranted: [{ process: null, fromMs: 15, toMs: 30 }] };
  expect(story.rules()).toEqual(['nothing granted']);
});

describe('answers', () => {
  test('a message has none', () => {
    const story = new Story();
    story.send(story.bob, 50, 'p', 'PING', {});
    expect(story.rules()).toEqual(['answers']);
    story.bob.endedAtMs = 51;
    expect(story.rules()).toEqual([]);
  });

  test.each<[string, ServerMessage[], number]>([
    [
      'has two',
      [
        { type: 'PONG', re: 'p' },
        { type: 'PONG', re: 'p' },
      ],
      51,
    ],
    ['has one of another kind', [{ type: 'TALK_RELEASED', re: 'p' }], 51],
    ['has one that owns to a fault', [{ type: 'ERROR', code: 'internal', re: 'p' }], 51],
    ['has one too late', [{ type: 'PONG', re: 'p' }], 60_000],
  ])('a message %s', (_name, messages, atMs) => {
    const story = new Story();
    story.send(story.bob, 50, 'p', 'PING', {});
    for (const message of messages) story.see(story.bob, atMs, message);
    expect(story.rules()).toEqual(['answers']);
  });

  test('nobody asked', () => {
    const story = new Story();
    story.see(story.bob, 50, { type: 'PONG', re: 'never' });
    expect(story.rules()).toEqual(['answers']);
  });
});

describe('what is seen at the end', () => {
  test('a client sees somebody who is not there', () => {
    const story = new Story();
    story.edit(story.bob, (message) =>
      message.type === 'GROUP_JOINED'
        ? { ...message, presence: [...(message.presence ?? []), { ...person('ghost'), role: 'member' }] }
        : message,
    );
    expect(story.rules()).toEqual(['views']);
  });

  test('a client lacks the last event', () => {
    const story = new Story();
    story.edit(story.bob, (message) => (isEvent(message, 'TALK_ENDED', 't2') ? null : message));
    expect(story.rules()).toEqual(['views']);
  });

  test('two processes say different things', () => {
    const story = new Story();
    story.last.push(snapshot({ re: 'x', seq: 5 }));
    expect(story.rules()).toEqual(['views']);
  });

  test('something is left over', () => {
    const story = new Story();
    story.leaks = ['a socket'];
    expect(story.rules()).toEqual(['leaks']);
  });
});
