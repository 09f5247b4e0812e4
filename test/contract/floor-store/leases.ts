import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import { endOf, expectStatus, joinOf, press, testTimings, withoutPresence, ofMember, type Scene } from './scene.ts';

export function describeLeases(scene: Scene): void {
  describe('leases and grace', () => {
    test('who comes back within the grace and may only listen now has lost the talk', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      const joined = await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid(), talk: 'listen_only' }));
      expect(joined.talk).toBeNull();
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended removed']);
    });

    test('a talk that is not renewed ends expired, and is announced by another process', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended expired'));
      expect(withoutPresence(heard)).toEqual(['started', 'ended expired']);
      expect(await harness.slot(groupId)).toBeNull();
    });

    test('a talk whose lease ran out lasted till then, however late that is found', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await scene.pass(testTimings.leaseMs + 10_000);
      const { published } = await there.store.settle({ groupId });
      expect(await endOf(scene, published)).toEqual({ cause: 'expired', durationMs: testTimings.leaseMs });
    });

    test('a talk whose socket is gone lasted till the end of its grace, however late that is found', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      const startMs = performance.now();
      await here.store.request(input);
      await scene.pass(5_000);
      await here.store.renew({ groupId, honouredTalkIds: [input.talkId], members: 1 });
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      const leftAfterMs = performance.now() - startMs + 5_000;
      await scene.pass(testTimings.leaseMs + 10_000);
      const { published } = await there.store.settle({ groupId });
      const { cause, durationMs } = await endOf(scene, published);
      expect(cause).toBe('lost');
      expect(durationMs).toBeGreaterThanOrEqual(5_000 + testTimings.graceMs);
      expect(durationMs).toBeLessThanOrEqual(Math.ceil(leftAfterMs) + testTimings.graceMs);
    });

    test('a renewed talk lives on beyond its lease, and its slot with it', async () => {
      const { harness, here, there, groupId, heard, processes } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      for (let passedMs = 0; passedMs <= testTimings.leaseMs * 2; passedMs += testTimings.renewMs) {
        await here.store.renew({ groupId, honouredTalkIds: [input.talkId], members: 1 });
        if (processes === 2) await there.store.renew({ groupId, honouredTalkIds: [], members: 1 });
        expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
        await scene.pass(testTimings.renewMs);
      }
      expect(withoutPresence(heard)).toEqual(['started']);
    });

    test('a process that does not honour its own open talk ends it lost', async () => {
      const { here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.renew({ groupId, honouredTalkIds: [], members: 1 });
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended lost']);
    });

    test('a closed socket keeps its talk for the grace, then it ends lost', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      expect((await there.store.snapshot({ groupId, since: null })).talk).not.toBeNull();
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended lost'));
    });

    test('a renewal that does not honour a talk whose socket is gone leaves it its grace', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      const { published } = await here.store.renew({ groupId, honouredTalkIds: [], members: 1 });
      expect(withoutPresence(published)).toEqual([]);
      const back = { ...alice, connectionId: uuid() };
      expect((await here.store.join(joinOf(groupId, back))).talk?.talkId).toBe(input.talkId);
    });

    test('the same session back within the grace keeps the talk, on another process too', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      const back = { ...alice, connectionId: uuid() };
      const joined = await there.store.join(joinOf(groupId, back));
      expect(joined.talk?.talkId).toBe(input.talkId);
      expect(joined.talk?.sessionId).toBe(alice.sessionId);
      const again = expectStatus(await there.store.request(press(groupId, back)), 'repeated');
      expect(again.grant.talkId).toBe(input.talkId);
      expect((await there.store.release({ groupId, ...ofMember(back), talkId: null })).released).toBe(true);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
    });

    test('a late close of the old socket does not touch the new one', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      const back = { ...alice, connectionId: uuid() };
      await there.store.join(joinOf(groupId, back));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      expect(await harness.presence(groupId)).toContain(alice.userId);
      expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).released).toBe(false);
      expectStatus(await there.store.request(press(groupId, back)), 'repeated');
    });

    test('leaving the group ends the talk released at once', async () => {
      const { here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
    });
  });
}
