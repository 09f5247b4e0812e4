import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { type FloorStore, FloorStoreUnavailable, floorTimings, type RequestOutcome } from '../floor/index.ts';
import { MemoryFloorStore } from '../floor-memory/index.ts';
import type { Connection } from '../gateway/index.ts';
import { createVoiceRelay } from '../relay/index.ts';
import { createMediaServer, type MediaServer, MediaUnavailable } from '../media/index.ts';
import { MemoryBus, noOtherProcesses } from '../bus/index.ts';
import type { Membership } from '../access.ts';
import { createLive } from './create-live.ts';
import { createStreamIds } from './stream-ids.ts';
import { TalkLedger } from './talk-ledger.ts';

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
    requestId: 'upgrade',
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
    sendFrame: ({ bytes }) => void sent.push(JSON.parse(bytes.subarray(bytes.indexOf('{')).toString())),
    close: () => undefined,
    sendAudio: () => true,
    acceptAudio: () => undefined,
    awaitAudio: () => undefined,
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

/** Gives every right that is asked for. */
const willingMedia: MediaServer = {
  kind: 'livekit',
  allowSpeaking: async () => 'confirmed',
  assertRight: async () => undefined,
  dismiss: async () => undefined,
  withdrawSpeaking: async () => undefined,
  listenDescription: async () => ({ kind: 'none' }),
  publishDescription: async () => ({ kind: 'none' }),
  health: async () => 'ok',
  close: async () => undefined,
};

/** Gives no right: it cannot be reached. */
const mediaAway: MediaServer = {
  ...willingMedia,
  allowSpeaking: async () => Promise.reject(new MediaUnavailable('It is away.', true, true)),
};

/** Two members of one group, over the in-process store and a media server that does what the test says. */
async function scene(media: MediaServer = createMediaServer({ livekit: null, keyPrefix: '', log: console })) {
  const bus = new MemoryBus();
  const link = { isUp: true };
  const publish = (id: string, payload: string): void => {
    if (link.isUp) bus.publishGroup(id, payload);
  };
  const store = new MemoryFloorStore({ generation: 1, publish });
  const telemetry = { talkRequested: () => undefined, talkStarted: () => undefined, talkEnded: () => undefined };
  const nothing = (): void => undefined;
  const audit = { talkRevoked: nothing, revokeFailed: nothing, emergencyGranted: nothing, refused: nothing };
  const onError = (): void => undefined;
  const live = createLive({
    store,
    bus,
    media,
    relay: createVoiceRelay({ bus: noOtherProcesses(), onFailed: () => undefined }),
    timings: floorTimings,
    telemetry,
    audit,
    ledger: new TalkLedger(() => performance.now()),
    streams: createStreamIds(async () => 1),
    onError,
  });
  const alice = connectionOf('alice');
  const bob = connectionOf('bob');
  for (const { connection } of [alice, bob]) {
    await live.joins.join(connection, membership, { re: 'join', since: null, audio: false });
  }
  const keeper = live.groups.keeper(groupId);
  if (keeper === undefined) throw new Error('Nobody has joined');
  function press(who: typeof alice, fields: { queue?: boolean; emergency?: boolean } = {}): Promise<void> {
    const entry = live.groups.entry(groupId, who.connection);
    if (keeper === undefined || entry === undefined) throw new Error('He has not joined');
    return live.requests.request(keeper, entry, membership, { type: 'REQUEST_TALK', id: 'press', groupId, ...fields });
  }
  return { store, live, link, alice, bob, press };
}

/** What was said to him of his own talks, without the events that all hear. */
function talkMessages(who: { sent: { type: string }[] }): string[] {
  const types = who.sent.map(({ type }) => type);
  return types.filter((type) => type.startsWith('TALK_') && type !== 'TALK_STARTED' && type !== 'TALK_ENDED');
}

function release(store: FloorStore, { connection }: { connection: Connection }) {
  return store.release({ groupId, sessionId: connection.session.id, connectionId: connection.id, talkId: null });
}

test('a turn in the queue that comes before the answer "queued" is taken up', async () => {
  const { store, live, alice, bob, press } = await scene();
  await press(alice);
  const held = holdAnswers(store);
  const asked = press(bob, { queue: true });
  await held.holding;
  await release(store, alice);
  held.letGo();
  await asked;
  await vi.waitFor(() => expect(talkMessages(bob)).toContain('TALK_GRANTED'));
  expect(talkMessages(bob)).toEqual(['TALK_QUEUED', 'TALK_GRANTED']);
  live.groups.stop();
});

test('a pre-emption that is refused after it silenced the talker ends his talk preempted', async () => {
  const { store, live, alice, bob, press } = await scene(willingMedia);
  await press(alice);
  await vi.waitFor(() => expect(talkMessages(alice)).toEqual(['TALK_GRANTED']));
  vi.spyOn(store, 'commit').mockRejectedValue(new FloorStoreUnavailable('the answer was lost'));
  await press(bob, { emergency: true });
  await vi.waitFor(() => expect(talkMessages(alice)).toContain('TALK_REVOKED'));
  expect(alice.sent.find(({ type }) => type === 'TALK_REVOKED')).toMatchObject({ cause: 'preempted' });
  expect(bob.sent.find(({ type }) => type === 'TALK_DENIED')).toMatchObject({ cause: 'unavailable' });
  expect((await store.snapshot({ groupId, since: null })).talk).toBeNull();
  live.groups.stop();
});

test('who leaves while his grant is on its way hears of all that came before it, then of the grant, then no more', async () => {
  const { store, live, link, alice, bob, press } = await scene();
  await vi.waitFor(() => expect(bob.sent.map(({ type }) => type)).toContain('PRESENCE_CHANGED'));
  // Alice speaks through another process, and the bus loses it.
  link.isUp = false;
  const policy = membership.group.settings;
  const { id: userId, displayName } = alice.connection.user;
  const [sessionId, connectionId] = [alice.connection.session.id, alice.connection.id];
  const talker = { sessionId, connectionId, userId, displayName, role: 'member', talk: 'allowed' } as const;
  await store.request({
    groupId,
    member: talker,
    talkId: '01890000-0000-7000-8000-00000000000a',
    token: 'token',
    streamId: 7,
    identity: null,
    queue: false,
    emergency: false,
    oneStep: true,
    policy,
  });
  await release(store, alice);
  bob.sent.length = 0;
  await press(bob);
  await live.joins.leave(bob.connection, groupId, 'left');
  expect(bob.sent.map(({ type }) => type)).toEqual(['TALK_STARTED', 'TALK_ENDED', 'TALK_GRANTED']);
  live.groups.stop();
});

test('who leaves while his grant is being committed hears of what is numbered with it first', async () => {
  const { store, live, link, bob, press } = await scene(willingMedia);
  await vi.waitFor(() => expect(bob.sent.map(({ type }) => type)).toContain('PRESENCE_CHANGED'));
  link.isUp = false;
  const [commit, leave] = [store.commit.bind(store), store.leave.bind(store)];
  const [committing, leaving, committed] = Array.from({ length: 3 }, () => Promise.withResolvers<void>());
  vi.spyOn(store, 'commit').mockImplementation(async (input) => {
    committing?.resolve();
    await leaving?.promise;
    // Carol joins through another process: her presence gets the number before the talk's.
    const carol = { userId: 'user-carol', displayName: 'carol', role: 'member', talk: 'allowed' } as const;
    const member = { ...carol, sessionId: 'session-carol', connectionId: 'connection-carol' };
    await store.join({ groupId, member, voiceSessionId: 'voice', since: null, afterEpoch: 0 });
    const outcome = await commit(input);
    committed?.resolve();
    return outcome;
  });
  vi.spyOn(store, 'leave').mockImplementation(async (input) => {
    leaving?.resolve();
    await committed?.promise;
    await nextTurn();
    return leave(input);
  });
  bob.sent.length = 0;
  await press(bob);
  await committing?.promise;
  await live.joins.leave(bob.connection, groupId, 'left');
  expect(bob.sent.map(({ type }) => type)).toEqual(['PRESENCE_CHANGED', 'TALK_GRANTED']);
  live.groups.stop();
});

test('a reservation is gone before its asker hears that nothing comes of it', async () => {
  const { store, live, alice, bob, press } = await scene(mediaAway);
  const cancel = store.cancel.bind(store);
  vi.spyOn(store, 'cancel').mockImplementation(async (input) => {
    await nextTurn();
    return cancel(input);
  });
  const tell = alice.connection.send;
  const next = Promise.withResolvers<void>();
  vi.spyOn(alice.connection, 'send').mockImplementation((message) => {
    tell(message);
    void press(bob).then(next.resolve);
  });
  await press(alice);
  await next.promise;
  await vi.waitFor(() => expect(talkMessages(bob)).toEqual(['TALK_DENIED']));
  for (const { sent } of [alice, bob])
    expect(sent.find(({ type }) => type === 'TALK_DENIED')).toMatchObject({ cause: 'media_unavailable' });
  live.groups.stop();
});

test('a live store that does not answer holds no denial back', async () => {
  const { store, live, alice, press } = await scene(mediaAway);
  const answer = Promise.withResolvers<never>();
  vi.spyOn(store, 'cancel').mockReturnValue(answer.promise);
  await press(alice);
  await vi.waitFor(() => expect(talkMessages(alice)).toEqual(['TALK_DENIED']));
  answer.reject(new FloorStoreUnavailable('It was away.'));
  live.groups.stop();
});
