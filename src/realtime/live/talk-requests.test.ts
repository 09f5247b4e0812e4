import { expect, test, vi } from 'vitest';
import type { FloorStore, RequestOutcome } from '../floor/index.ts';
import { MemoryFloorStore } from '../floor-memory/index.ts';
import type { Connection } from '../gateway/index.ts';
import { createMediaServer } from '../media/index.ts';
import { MemoryBus } from '../bus/index.ts';
import type { Membership } from '../access.ts';
import { LiveGroups } from './live-groups.ts';
import { createStreamIds } from './stream-ids.ts';
import { TalkRequests } from './talk-requests.ts';
import { floorTimings } from '../floor/index.ts';

const groupId = '01890000-0000-7000-8000-000000000001';
const membership: Membership = {
  group: {
    id: groupId,
    name: 'Team',
    description: '',
    settings: {
      maxTalkMs: 60_000,
      contendedTalkMs: 20_000,
      queueLimit: 10,
      cooldownMs: 2_000,
      managerPreempts: false,
      emergency: 'allowed',
    },
  },
  role: 'member',
  talk: 'allowed',
};

function connectionOf(name: string) {
  const sent: { type: string }[] = [];
  const connection: Connection = {
    id: `connection-${name}`,
    user: { id: `user-${name}`, username: name, displayName: name, role: 'user' },
    session: {
      id: `session-${name}`,
      userId: `user-${name}`,
      device: { name: 'test', kind: 'other' },
      createdAt: '',
      lastSeenAt: '',
      current: true,
    },
    memberships: new Map([[groupId, membership]]),
    joined: new Set(),
    open: true,
    send: (message) => void sent.push(message),
    sendText: (text) => void sent.push(JSON.parse(text)),
    sendFrame: () => undefined,
    close: () => undefined,
    watchTalker: () => undefined,
  };
  return { connection, sent };
}

/** Holds back the answer to the next request, as a slow link would, while what it did is published at once. */
function holdAnswers(store: FloorStore) {
  const holding = Promise.withResolvers<void>();
  const answer = Promise.withResolvers<void>();
  const request = store.request.bind(store);
  vi.spyOn(store, 'request').mockImplementation(async (input): Promise<RequestOutcome> => {
    const outcome = await request(input);
    holding.resolve();
    await answer.promise;
    return outcome;
  });
  return { holding: holding.promise, letGo: () => answer.resolve() };
}

test('a turn in the queue that comes before the answer "queued" is taken up', async () => {
  const bus = new MemoryBus();
  const store = new MemoryFloorStore({ generation: 1, publish: (id, payload) => bus.publishGroup(id, payload) });
  const media = createMediaServer({ livekit: null, keyPrefix: '', log: console });
  const onError = (error: unknown): void => {
    throw error;
  };
  const telemetry = { talkRequested: () => undefined, talkStarted: () => undefined, talkEnded: () => undefined };
  const live: LiveGroups = new LiveGroups({
    processId: 'process',
    store,
    bus,
    media,
    timings: floorTimings,
    telemetry,
    onLost: async () => undefined,
    onHandOver: (keeper, note) => requests.handOver(keeper, note),
    onError,
  });
  const streams = createStreamIds(async () => 1);
  const requests = new TalkRequests({ store, media, withdrawals: live.withdrawals, streams, telemetry, onError });
  const alice = connectionOf('alice');
  const bob = connectionOf('bob');
  for (const { connection } of [alice, bob]) {
    await live.join(connection, membership, { re: 'join', since: null, audio: false });
  }
  const keeper = live.keeper(groupId);
  const aliceEntry = live.entry(groupId, alice.connection);
  const bobEntry = live.entry(groupId, bob.connection);
  if (!keeper || !aliceEntry || !bobEntry) throw new Error('Both are in the group');

  await requests.request(keeper, aliceEntry, membership, { type: 'REQUEST_TALK', id: 'a', groupId });
  const held = holdAnswers(store);
  const asked = requests.request(keeper, bobEntry, membership, { type: 'REQUEST_TALK', id: 'b', groupId, queue: true });
  await held.holding;
  const { sessionId, connectionId } = aliceEntry.member;
  await store.release({ groupId, sessionId, connectionId, talkId: null });
  held.letGo();
  await asked;
  await vi.waitFor(() => expect(bob.sent.map(({ type }) => type)).toContain('TALK_GRANTED'));
  expect(bob.sent.map(({ type }) => type).filter((type) => type.startsWith('TALK_'))).toEqual([
    'TALK_QUEUED',
    'TALK_GRANTED',
  ]);
  live.stop();
});
