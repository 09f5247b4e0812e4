import { expect, test, vi } from 'vitest';
import { floorTimings, type GroupSnapshot } from '../floor/index.ts';
import { MemoryFloorStore } from '../floor-memory/index.ts';
import type { Connection } from '../gateway/index.ts';
import { noOtherProcesses } from '../bus/index.ts';
import { createVoiceRelay } from '../relay/index.ts';
import { createMediaServer } from '../media/index.ts';
import { RoomKeeper } from './room-keeper.ts';
import { TalkLedger } from './talk-ledger.ts';
import { TalkerWatch } from './talker-watch.ts';
import { Withdrawals } from './withdrawals.ts';

const groupId = '01890000-0000-7000-8000-000000000001';

function presence(seq: number): string {
  return `1 E 1 ${seq} presence\n{"seq":${seq}}`;
}

/** A group whose member has heard of the first three events; what he is told is noted in its order. */
async function scene() {
  const store = new MemoryFloorStore({ generation: 1, publish: () => undefined });
  const media = createMediaServer({ livekit: null, keyPrefix: '', log: console });
  const nothing = (): void => undefined;
  const keeper = new RoomKeeper({
    groupId,
    store,
    media,
    relay: createVoiceRelay({ bus: noOtherProcesses(), onFailed: () => undefined }),
    withdrawals: new Withdrawals({ media, cleared: async () => undefined, onError: nothing }),
    timings: floorTimings,
    telemetry: { talkRequested: nothing, talkStarted: nothing, talkEnded: nothing },
    audit: { talkRevoked: nothing, revokeFailed: nothing, emergencyGranted: nothing, refused: nothing },
    watch: new TalkerWatch(),
    ledger: new TalkLedger(() => performance.now()),
    onHandOver: nothing,
    onError: nothing,
  });
  const heard: string[] = [];
  const connection: Connection = {
    id: 'connection',
    requestId: 'upgrade',
    user: { id: 'user', username: 'user', displayName: 'user', role: 'user' },
    session: {
      id: 's',
      userId: 'user',
      device: { name: '', kind: 'other' },
      createdAt: '',
      lastSeenAt: '',
      current: true,
    },
    memberships: new Map(),
    joined: new Set([groupId]),
    open: true,
    send: nothing,
    sendText: nothing,
    sendFrame: ({ bytes }) => void heard.push(`event ${JSON.parse(bytes.subarray(2).toString()).seq}`),
    close: nothing,
    sendAudio: () => true,
    acceptAudio: () => undefined,
    awaitAudio: () => undefined,
    watchTalker: nothing,
  };
  const member = { sessionId: 's', connectionId: 'connection', userId: 'user', displayName: 'user' };
  const entry = {
    connection,
    member: { ...member, role: 'member', talk: 'allowed' } as const,
    identity: null,
    audio: false,
    knownSeq: 0,
    sent: true,
    waiting: null,
  };
  keeper.room.members.set(connection.id, entry);
  keeper.room.sequencer.reset({ epoch: 1, seq: 3 });
  const blank = await store.snapshot({ groupId, since: null });
  const snapshot = (seq: number): GroupSnapshot => ({ ...blank, epoch: 1, seq, missed: [] });
  const tell = ({ seq }: GroupSnapshot): void => void heard.push(`snapshot ${seq}`);
  return { keeper, store, entry, heard, snapshot, tell };
}

test('no event comes between the look at a snapshot and its sending', async () => {
  const { keeper, entry, heard, snapshot, tell } = await scene();
  const told = keeper.catchUp.tellInStep(entry, snapshot(3), null, tell);
  keeper.room.accept(presence(4));
  await told;
  expect(heard).toEqual(['snapshot 3', 'event 4']);
});

test('where events come faster than snapshots, those after the snapshot wait for it', async () => {
  const { keeper, store, entry, heard, snapshot, tell } = await scene();
  let seq = 3;
  vi.spyOn(store, 'snapshot').mockImplementation(async () => {
    const now = snapshot(seq);
    seq += 1;
    keeper.room.accept(presence(seq));
    return now;
  });
  await keeper.catchUp.tellInStep(entry, snapshot(2), null, tell);
  keeper.room.accept(presence(seq + 1));
  const at = heard.findIndex((line) => line.startsWith('snapshot'));
  const numbers = heard.map((line) => Number(line.split(' ')[1]));
  expect(at).toBeGreaterThan(0);
  expect(numbers.slice(at)).toEqual([numbers[at - 1], seq, seq + 1]);
});
