import { expect, test } from 'vitest';
import type { Connection } from '../gateway/index.ts';
import { Room, type RoomMember } from './room.ts';
import { TalkerWatch } from './talker-watch.ts';

const groupId = '01890000-0000-7000-8000-000000000001';
const silent = {
  onGap: () => undefined,
  onNewEpoch: () => undefined,
  onHandOver: () => undefined,
  onUnansweredGrant: () => undefined,
  onAudience: () => undefined,
  onHush: () => undefined,
  onStarted: () => undefined,
  onEnded: () => undefined,
};

/** A member whose socket notes the numbers of the events that it is sent. */
function memberOf(room: Room, name: string) {
  const seqs: number[] = [];
  const connection: Connection = {
    id: name,
    requestId: 'upgrade',
    user: { id: name, username: name, displayName: name, role: 'user' },
    session: { id: name, userId: name, device: { name, kind: 'other' }, createdAt: '', lastSeenAt: '', current: true },
    memberships: new Map(),
    joined: new Set([groupId]),
    open: true,
    send: () => undefined,
    sendText: () => undefined,
    sendFrame: ({ bytes }) => void seqs.push(JSON.parse(bytes.subarray(2).toString()).seq),
    close: () => undefined,
    sendAudio: () => true,
    acceptAudio: () => undefined,
    awaitAudio: () => undefined,
    watchTalker: () => undefined,
  };
  const entry: RoomMember = {
    connection,
    member: { sessionId: name, connectionId: name, userId: name, displayName: name, role: 'member', talk: 'allowed' },
    identity: null,
    audio: false,
    knownSeq: 0,
    sent: true,
    waiting: [],
  };
  room.members.set(name, entry);
  return { entry, seqs };
}

function presence(seq: number): string {
  return `1 E 1 ${seq} presence\n{"seq":${seq}}`;
}

test('who joins is not sent again what his snapshot holds, however late it comes, and nothing after it is lost', () => {
  const room = new Room(groupId, 6_000, new TalkerWatch(), silent);
  const old = memberOf(room, 'old');
  room.sequencer.reset({ epoch: 1, seq: 3 });
  room.admit(old.entry, 3);
  const joining = memberOf(room, 'new');
  room.accept(presence(4));
  room.admit(joining.entry, 5);
  for (const seq of [5, 6, 7]) room.accept(presence(seq));
  expect(old.seqs).toEqual([4, 5, 6, 7]);
  expect(joining.seqs).toEqual([6, 7]);
});

test('what comes while the snapshot is on its way is sent after it', () => {
  const room = new Room(groupId, 6_000, new TalkerWatch(), silent);
  room.sequencer.reset({ epoch: 1, seq: 0 });
  const joining = memberOf(room, 'new');
  for (const seq of [1, 2, 3]) room.accept(presence(seq));
  expect(joining.seqs).toEqual([]);
  room.admit(joining.entry, 1);
  expect(joining.seqs).toEqual([2, 3]);
});

test('who was told that nothing came of his request hears of his talk as the others do: no number is missing', () => {
  const room = new Room(groupId, 6_000, new TalkerWatch(), silent);
  room.sequencer.reset({ epoch: 1, seq: 0 });
  const talker = memberOf(room, 'talker');
  const other = memberOf(room, 'other');
  for (const { entry } of [talker, other]) room.admit(entry, 0);
  room.accept('1 E 1 1 started talk talker 60000 60000\n{"seq":1}');
  room.accept('1 E 1 2 ended talk talker lost 0 1 0\n{"seq":2}');
  expect(talker.seqs).toEqual([1, 2]);
  expect(other.seqs).toEqual([1, 2]);
});
