import { describe, expect, it } from 'vitest';
import type { ServerMessageOf } from '../../../src/realtime/protocol/index.ts';
import { emptyRoom, follow, type Room } from './room.ts';

const GROUP = { id: 'g', name: 'Team', talk: 'allowed' as const };
const ME = { userId: 'me', displayName: 'Me' };
const ANN = { userId: 'ann', displayName: 'Ann', role: 'member' as const };
const BOB = { userId: 'bob', displayName: 'Bob', role: 'group_manager' as const };

function joined(more: Partial<ServerMessageOf<'GROUP_JOINED'>> = {}): ServerMessageOf<'GROUP_JOINED'> {
  return {
    type: 'GROUP_JOINED',
    re: 'x',
    groupId: 'g',
    epoch: 1,
    seq: 10,
    floor: { state: 'idle' },
    presence: [ANN],
    presenceCount: 1,
    media: { kind: 'none' },
    recovered: false,
    missed: [],
    ...more,
  };
}

function started(seq: number, epoch = 1): ServerMessageOf<'TALK_STARTED'> {
  return {
    type: 'TALK_STARTED',
    groupId: 'g',
    epoch,
    seq,
    talkId: 'talk',
    streamId: 5,
    speaker: { userId: 'ann', displayName: 'Ann' },
    emergency: false,
  };
}

function ended(seq: number, talkId = 'talk'): ServerMessageOf<'TALK_ENDED'> {
  const speaker = { userId: 'ann', displayName: 'Ann' };
  return { type: 'TALK_ENDED', groupId: 'g', epoch: 1, seq, talkId, speaker, cause: 'released', durationMs: 1 };
}

const room: Room = follow(emptyRoom(GROUP, ME), joined()).room;

describe('a room', () => {
  it('is what the snapshot says', () => {
    expect(room).toMatchObject({
      name: 'Team',
      position: { epoch: 1, seq: 10 },
      talk: null,
      present: [ANN],
      media: { kind: 'none' },
    });
  });

  it('shows a late comer who talks', () => {
    const floor = {
      state: 'taken' as const,
      talkId: 'talk',
      streamId: 5,
      speaker: { userId: 'ann', displayName: 'Ann' },
      elapsedMs: 1,
      remainingMs: 2,
      emergency: true,
      mine: false,
    };
    const late = follow(emptyRoom(GROUP, ME), joined({ floor })).room;
    expect(late.talk).toMatchObject({ streamId: 5, speaker: { displayName: 'Ann' }, emergency: true });
  });

  it('follows talks', () => {
    const during = follow(room, started(11));
    expect(during).toMatchObject({
      isBehind: false,
      room: { talk: { talkId: 'talk', mine: false }, position: { seq: 11 } },
    });
    const after = follow(during.room, ended(12));
    expect(after).toMatchObject({ isBehind: false, room: { talk: null, position: { seq: 12 } } });
  });

  it('takes its own grant for the start of a talk', () => {
    const message: ServerMessageOf<'TALK_GRANTED'> = {
      type: 'TALK_GRANTED',
      groupId: 'g',
      epoch: 1,
      seq: 11,
      talkId: 'own',
      streamId: 6,
      maxTalkMs: 1,
      remainingMs: 1,
      media: { kind: 'none' },
    };
    expect(follow(room, message).room.talk).toMatchObject({ mine: true, speaker: ME, streamId: 6 });
  });

  it('counts every event once', () => {
    const during = follow(room, started(11)).room;
    const after = follow(during, ended(12)).room;
    expect(follow(after, started(11))).toEqual({ room: after, isBehind: false });
  });

  it('notices that events are missing, and asks from where it knows them', () => {
    const step = follow(room, started(13));
    expect(step).toMatchObject({ isBehind: true, room: { talk: { talkId: 'talk' }, position: { seq: 10 } } });
    expect(follow(room, started(11, 2))).toEqual({ room, isBehind: true });
    expect(follow(emptyRoom(GROUP, ME), started(11)).isBehind).toBe(true);
  });

  it('does not end a talk with the end of another', () => {
    const during = follow(room, started(11)).room;
    expect(follow(during, ended(12, 'another')).room.talk).not.toBeNull();
  });

  it('keeps a set of who is there', () => {
    const change = { type: 'PRESENCE_CHANGED', groupId: 'g', epoch: 1 } as const;
    const both = follow(room, { ...change, seq: 11, joined: [ANN, BOB], left: [], presenceCount: 2 }).room;
    expect(both.present).toEqual([ANN, BOB]);
    const one = follow(both, { ...change, seq: 12, joined: [], left: [{ userId: 'ann' }], presenceCount: 1 }).room;
    expect(one).toMatchObject({ present: [BOB], presenceCount: 1 });
  });

  it('learns a new name and a lost talk right', () => {
    const update = { type: 'GROUP_UPDATED', groupId: 'g', me: { role: 'member', talk: 'listen_only' } } as const;
    expect(follow(room, update).room).toMatchObject({ name: 'Team', right: 'listen_only' });
  });

  it('does not care for other groups', () => {
    expect(follow(room, { ...started(11), groupId: 'other' }).room).toBe(room);
  });
});
