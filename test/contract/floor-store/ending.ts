import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import { envelopes, expectStatus, joinOf, person, press, withoutPresence, type Scene } from './scene.ts';

export function describeEnding(scene: Scene): void {
  describe('ending from outside', () => {
    test('a revoke names the talk or takes whichever there is', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      const revoked = async (talkId: string | null) =>
        (await there.store.end({ groupId, talkId, cause: 'revoked' })).ended;
      expect(await revoked(uuid())).toEqual([]);
      expect(await revoked(null)).toEqual([{ talkId: input.talkId, userId: alice.userId }]);
      expect(await revoked(null)).toEqual([]);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended revoked']);
      expectStatus(await here.store.request(press(groupId, alice)), 'granted');
    });

    test('a revoke in the middle of a pre-emption ends both, and names both', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      const ordinary = press(groupId, alice);
      const emergency = press(groupId, bob, { emergency: true, oneStep: false });
      await here.store.request(ordinary);
      expectStatus(await there.store.request(emergency), 'prepared');
      expect((await here.store.end({ groupId, talkId: null, cause: 'revoked' })).ended).toEqual([
        { talkId: emergency.talkId, userId: bob.userId },
        { talkId: ordinary.talkId, userId: alice.userId },
      ]);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended revoked']);
    });

    test('the loss of the membership ends talk and presence', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await there.store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'member' });
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended removed']);
      expect(await harness.presence(groupId)).toEqual([bob.userId]);
      expectStatus(await here.store.request(press(groupId, alice)), 'not_joined');
    });

    test('who loses the right to talk loses the floor, a place in the queue and nothing else', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await there.store.request(press(groupId, bob, { queue: true }));
      const waiter = await here.store.withdrawRight({ groupId, userId: bob.userId, sessionId: null, right: 'talk' });
      expect(envelopes(waiter.published).filter((each) => each.kind === 'queue_failed')).toEqual([
        { kind: 'queue_failed', connectionId: bob.connectionId, cause: 'listen_only', retryAfterMs: 0 },
      ]);
      const talker = await here.store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'talk' });
      expect(withoutPresence(talker.published)).toEqual(['ended removed']);
      expect([...(await harness.presence(groupId))].toSorted()).toEqual([alice.userId, bob.userId].toSorted());
      expectStatus(await here.store.request(press(groupId, alice)), 'listen_only');
      await here.store.join(joinOf(groupId, alice));
      expectStatus(await here.store.request(press(groupId, alice)), 'granted');
    });

    test('the end of one session leaves the others of its user alone', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      await here.store.join(joinOf(groupId, tablet));
      await here.store.request(press(groupId, alice));
      const only = { groupId, userId: alice.userId, right: 'member' } as const;
      await there.store.withdrawRight({ ...only, sessionId: tablet.sessionId });
      expect((await here.store.snapshot({ groupId, since: null })).talk?.sessionId).toBe(alice.sessionId);
      expectStatus(await there.store.request(press(groupId, tablet)), 'not_joined');
      await there.store.withdrawRight({ ...only, sessionId: alice.sessionId });
      expect(await harness.presence(groupId)).not.toContain(alice.userId);
    });
  });
}
