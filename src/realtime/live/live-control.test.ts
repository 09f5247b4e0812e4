import { v7 as uuid } from 'uuid';
import { expect, test, vi } from 'vitest';
import { MemoryBus, noOtherProcesses } from '../bus/index.ts';
import { type FloorMember, FloorStoreUnavailable, floorTimings } from '../floor/index.ts';
import { MemoryFloorStore } from '../floor-memory/index.ts';
import { createVoiceRelay } from '../relay/index.ts';
import type { MediaServer } from '../media/index.ts';
import { createLive } from './create-live.ts';
import { createLiveControl } from './live-control.ts';
import { createStreamIds } from './stream-ids.ts';
import { TalkLedger } from './talk-ledger.ts';

const by = { userId: uuid(), requestId: 'request-1' };

/** A live store with a member of another process in a group, and an operator's process that nobody is in. */
async function scene() {
  const bus = new MemoryBus();
  const store = new MemoryFloorStore({ generation: 1, publish: (id, payload) => bus.publishGroup(id, payload) });
  const withdrawn: string[] = [];
  const media: MediaServer = {
    kind: 'livekit',
    listenDescription: async () => ({ kind: 'none' }),
    publishDescription: async () => ({ kind: 'none' }),
    allowSpeaking: async () => 'confirmed',
    assertRight: async () => undefined,
    dismiss: async () => undefined,
    withdrawSpeaking: async (_groupId, identity) => void withdrawn.push(identity),
    health: async () => 'ok',
    close: async () => undefined,
  };
  const audit = { talkRevoked: vi.fn(), revokeFailed: vi.fn(), emergencyGranted: vi.fn(), refused: vi.fn() };
  const live = createLive({
    store,
    bus,
    media,
    relay: createVoiceRelay({ bus: noOtherProcesses(), onFailed: () => undefined }),
    timings: floorTimings,
    telemetry: { talkRequested: () => undefined, talkStarted: () => undefined, talkEnded: () => undefined },
    audit,
    ledger: new TalkLedger(() => performance.now()),
    streams: createStreamIds(async () => 1),
    onError: () => undefined,
  });
  const control = createLiveControl({ live, store, lookLimitMs: 50 });
  const groupId = uuid();
  const bob: FloorMember = {
    userId: uuid(),
    sessionId: uuid(),
    connectionId: uuid(),
    displayName: 'Bob',
    role: 'member',
    talk: 'allowed',
  };
  await store.join({ groupId, member: bob, voiceSessionId: uuid(), since: null });
  const policy = {
    maxTalkMs: 60_000,
    contendedTalkMs: 0,
    queueLimit: 0,
    cooldownMs: 0,
    managerPreempts: false,
    emergency: 'allowed',
  } as const;
  const ask = { groupId, talkId: uuid(), token: uuid(), policy };
  const reserve = () =>
    store.request({
      ...ask,
      member: bob,
      streamId: 1,
      identity: 'bob-identity',
      queue: false,
      emergency: false,
      oneStep: false,
    });
  return { store, control, audit, withdrawn, groupId, bob, ask, reserve };
}

test('a revoke ends the talk, withdraws the right to publish and is recorded', async () => {
  const { store, control, audit, withdrawn, groupId, bob, ask, reserve } = await scene();
  await reserve();
  await store.commit(ask);
  await control.revokeTalk(groupId, by, null);
  expect((await control.overview([groupId]))[0]?.floor).toEqual({ state: 'idle' });
  await vi.waitFor(() => expect(withdrawn).toEqual(['bob-identity']));
  expect(audit.talkRevoked.mock.calls).toEqual([[{ by, groupId, talkId: ask.talkId, userId: bob.userId }]]);
});

test('a talk that is recorded already is not recorded again; another one is', async () => {
  const first = await scene();
  await first.reserve();
  await first.store.commit(first.ask);
  await first.control.revokeTalk(first.groupId, by, first.ask.talkId);
  expect(first.audit.talkRevoked).not.toHaveBeenCalled();
  const second = await scene();
  await second.reserve();
  await second.store.commit(second.ask);
  await second.control.revokeTalk(second.groupId, by, uuid());
  expect(second.audit.talkRevoked).toHaveBeenCalledOnce();
});

test('a revoke cancels a reservation, and its right goes too', async () => {
  const { store, control, audit, withdrawn, groupId, ask, reserve } = await scene();
  await reserve();
  await control.revokeTalk(groupId, by, null);
  expect(await store.commit(ask)).toMatchObject({ status: 'refused', cause: 'busy' });
  await vi.waitFor(() => expect(withdrawn).toEqual(['bob-identity']));
  expect(audit.talkRevoked).toHaveBeenCalledOnce();
});

test('a store that does not answer is named, and the attempt is recorded as failed', async () => {
  const { store, control, audit, groupId } = await scene();
  const unavailable = { code: 'dependency_unavailable', dependency: 'redis' };
  vi.spyOn(store, 'end').mockRejectedValue(new FloorStoreUnavailable('silent'));
  vi.spyOn(store, 'snapshot').mockRejectedValueOnce(new FloorStoreUnavailable('silent'));
  await expect(control.revokeTalk(groupId, by, null)).rejects.toMatchObject(unavailable);
  expect(audit.revokeFailed.mock.calls).toEqual([[{ by, groupId }]]);
  await expect(control.overview([groupId])).rejects.toMatchObject(unavailable);
  vi.spyOn(store, 'snapshot').mockReturnValueOnce(new Promise(() => undefined));
  await expect(control.overview([groupId, groupId])).rejects.toMatchObject(unavailable);
});

test('looking takes no right away that others are busy with', async () => {
  const { control, store, withdrawn, groupId, ask, reserve } = await scene();
  await reserve();
  await store.commit(ask);
  await store.end({ groupId, talkId: null, cause: 'revoked' });
  await control.overview([groupId]);
  await control.overview([uuid()]);
  expect(withdrawn).toEqual([]);
});
