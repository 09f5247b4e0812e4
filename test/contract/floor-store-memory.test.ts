import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import { emptyGroup, parseEnvelope } from '../../src/realtime/floor/index.ts';
import { MemoryFloorStore } from '../../src/realtime/floor-memory/index.ts';
import { describeFloorStore } from './floor-store.ts';
import { memoryHarness } from './floor-store/memory-harness.ts';
import { person, press } from './floor-store/scene.ts';

describeFloorStore('in-process', async () => memoryHarness(), 1);

describe('floor store: what only the in-process one has', () => {
  test('payloads keep the order of their steps when a subscriber takes the next step', async () => {
    const groupId = uuid();
    const alice = person('Alice');
    const heard: string[] = [];
    const nested: boolean[] = [];
    const store = new MemoryFloorStore({ publish, generation: 1 });
    function publish(_groupId: string, payload: string): void {
      const kind = parseEnvelope(payload)?.kind ?? '';
      if (kind === 'started') {
        // He sees the whole step, though its payloads are still being handed out.
        nested.push(store.stateOf(groupId).talk !== null);
        void store.release({ groupId, sessionId: alice.sessionId, connectionId: alice.connectionId, talkId: null });
        nested.push(store.stateOf(groupId).talk === null);
      }
      heard.push(kind);
    }
    await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
    const outcome = await store.request(press(groupId, alice));
    expect(outcome.status).toBe('granted');
    expect(outcome.published).toHaveLength(2);
    expect(nested).toEqual([true, true]);
    expect(heard).toEqual(['presence', 'started', 'ended']);
  });

  test('what a step published was handed out when its promise is there', () => {
    const groupId = uuid();
    const heard: string[] = [];
    const store = new MemoryFloorStore({ publish: (_groupId, payload) => heard.push(payload), generation: 1 });
    const alice = person('Alice');
    void store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
    void store.request(press(groupId, alice));
    expect(heard.map((payload) => parseEnvelope(payload)?.kind)).toEqual(['presence', 'started']);
  });

  test('a subscriber that fails keeps nothing from the others, and the step stands', async () => {
    const groupId = uuid();
    const heard: string[] = [];
    const store = new MemoryFloorStore({
      generation: 1,
      publish(_groupId, payload) {
        heard.push(payload);
        if (heard.length === 1) throw new Error('A subscriber failed');
      },
    });
    const alice = person('Alice');
    await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
    await expect(store.request(press(groupId, alice))).rejects.toThrow('Subscribers of a group failed');
    expect(heard).toHaveLength(2);
    expect((await store.snapshot({ groupId, since: null })).talk?.speaker.displayName).toBe('Alice');
  });

  test('its clock may be given, and a closed group leaves nothing behind but its history', async () => {
    let nowMs = 1_700_000_000_000;
    const groupId = uuid();
    const store = new MemoryFloorStore({ publish() {}, generation: 3, quietMs: 100, now: () => nowMs });
    const alice = person('Alice');
    const joined = await store.join({ groupId, member: alice, voiceSessionId: uuid(), since: null });
    expect(joined.epoch).toBe(3 * 2 ** 32 + 1_700_000_000);
    expect(await store.request(press(groupId, alice))).toMatchObject({ status: 'quiet', retryAfterMs: 100 });
    nowMs += 100;
    const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
    expect(await store.request(input)).toMatchObject({ status: 'prepared' });
    await store.leave({ groupId, sessionId: alice.sessionId, connectionId: alice.connectionId, how: 'left' });
    nowMs += 59_999;
    await store.settle({ groupId });
    expect(await store.liveGroups()).toEqual([groupId]);
    nowMs += 1;
    // The right outlives the group until it is confirmed to be withdrawn.
    expect(await store.settle({ groupId })).toMatchObject({ epoch: 0, dueInMs: null, withdraw: ['u_alice'] });
    expect(await store.liveGroups()).toEqual([]);
    expect(store.stateOf(groupId)).not.toBe(emptyGroup);
    await store.rightsCleared({ groupId, identities: ['u_alice'] });
    expect(store.stateOf(groupId)).toBe(emptyGroup);
    expect((await store.history.pending(10)).map(({ record }) => record.kind)).toEqual(['opened', 'closed']);
  });
});
