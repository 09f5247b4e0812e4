import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import {
  commitOf,
  envelopes,
  expectStatus,
  joinOf,
  person,
  policy,
  press,
  withoutPresence,
  ofMember,
  type Scene,
} from './scene.ts';

export function describeTwoSteps(scene: Scene): void {
  describe('the grant in two steps', () => {
    test('a reservation takes the slot, remembers the right and announces nothing', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      expectStatus(
        await here.store.request(press(groupId, alice, { oneStep: false, identity: 'u_alice' })),
        'prepared',
      );
      expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
      expect((await there.store.snapshot({ groupId, since: null })).talk).toBeNull();
      const busy = expectStatus(await there.store.request(press(groupId, bob)), 'busy');
      expect(busy.holder?.displayName).toBe('Alice');
      expect(withoutPresence(heard)).toEqual([]);
    });

    test('a commit opens and announces it once, also when it is sent again', async () => {
      const { here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const commit = { groupId, talkId: input.talkId, token: input.token, policy };
      const first = await here.store.commit(commit);
      const second = await here.store.commit(commit);
      if (first.status !== 'granted' || second.status !== 'granted') throw new Error('The commit was refused');
      expect(second.grant.seq).toBe(first.grant.seq);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started']);
    });

    test('a commit by another token, or too late, is refused and the right is to be withdrawn', async () => {
      const { harness, here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const forged = await here.store.commit({ groupId, talkId: input.talkId, token: uuid(), policy });
      expect(forged).toMatchObject({ status: 'refused', cause: 'void' });
      await scene.pass(scene.timings.pendingMs);
      expect(await harness.slot(groupId)).toBeNull();
      const late = await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
      expect(late).toMatchObject({ status: 'refused', cause: 'void', withdraw: ['u_alice'] });
      expect(withoutPresence(heard)).toEqual([]);
    });

    test('who may publish is told from the reservation to the end, by every process', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const publishers = async () => {
        const { talk, reserved } = await there.store.publishers({ groupId });
        return { talk, reserved };
      };
      expect(await publishers()).toEqual({ talk: null, reserved: null });
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const { talkId } = input;
      expect(await publishers()).toEqual({ talk: null, reserved: { talkId, identity: 'u_alice', over: null } });
      await here.store.commit(commitOf(input));
      expect(await publishers()).toEqual({ talk: { talkId, identity: 'u_alice' }, reserved: null });
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expect(await publishers()).toEqual({ talk: null, reserved: null });
    });

    test('a talker whose voice needs no right is told without an identity, and who pre-empts him beside him', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const first = press(groupId, alice);
      await here.store.request(first);
      const second = press(groupId, bob, { oneStep: false, identity: 'u_bob', emergency: true });
      await there.store.request(second);
      expect(await here.store.publishers({ groupId })).toMatchObject({
        talk: { talkId: first.talkId, identity: null },
        reserved: { talkId: second.talkId, identity: 'u_bob', over: first.talkId },
      });
    });

    test('to ask who may publish ends a talk whose time is over', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice, { identity: 'u_alice' }));
      await scene.pass(scene.timings.leaseMs);
      expect(await harness.slot(groupId)).toBeNull();
      const answer = await there.store.publishers({ groupId });
      expect(answer).toMatchObject({ talk: null, reserved: null });
    });

    test('a cancelled reservation was never a talk', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const change = await here.store.cancel({
        groupId,
        talkId: input.talkId,
        token: input.token,
        silenced: null,
        rightGiven: true,
      });
      expect(change.withdraw).toEqual(['u_alice']);
      expect(await harness.slot(groupId)).toBeNull();
      expectStatus(await there.store.request(press(groupId, bob)), 'granted');
    });

    test('a right that was refused leaves nothing to withdraw, unless it stood on the list before', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const refused = { groupId, silenced: null, rightGiven: false };
      const first = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(first);
      expect((await here.store.cancel({ ...refused, talkId: first.talkId, token: first.token })).withdraw).toEqual([]);
      expect((await there.store.settle({ groupId })).withdraw).toEqual([]);

      const second = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(second);
      await here.store.commit({ groupId, talkId: second.talkId, token: second.token, policy });
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const third = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(third);
      await here.store.cancel({ ...refused, talkId: third.talkId, token: third.token });
      expect((await there.store.settle({ groupId })).withdraw).toEqual(['u_alice']);
    });

    test('a release that meets its own reservation starts and ends a talk of 0 ms in one step', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expect(outcome.released).toBe(true);
      expect(outcome.withdraw).toEqual(['u_alice']);
      expect(withoutPresence(outcome.published)).toEqual(['started', 'ended released']);
      const ended = envelopes(outcome.published).at(-1);
      expect(ended).toMatchObject({ kind: 'ended', durationMs: 0 });
      const commit = await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
      expect(commit.status).toBe('refused');
    });

    test('the right to publish stays on the list until it is confirmed to be withdrawn', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
      expect((await here.store.settle({ groupId })).withdraw).toEqual([]);
      expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).withdraw).toEqual(['u_alice']);
      expect((await there.store.settle({ groupId })).withdraw).toEqual(['u_alice']);
      await here.store.rightsCleared({ groupId, identities: ['u_alice'] });
      expect((await there.store.settle({ groupId })).withdraw).toEqual([]);
    });

    test('a right given anew is not cleared by the confirmation for the talk before', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await here.store.request(press(groupId, alice, { oneStep: false, identity: 'u_alice' }));
      await here.store.rightsCleared({ groupId, identities: ['u_alice'] });
      expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).withdraw).toEqual(['u_alice']);
    });

    test('a reservation is cancelled by leaving, and by the loss of the right', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      const leaving = press(groupId, alice, { oneStep: false });
      await here.store.request(leaving);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      expect(await here.store.commit({ groupId, talkId: leaving.talkId, token: leaving.token, policy })).toMatchObject({
        status: 'refused',
        cause: 'not_joined',
      });
      const losing = press(groupId, bob, { oneStep: false });
      await there.store.request(losing);
      await here.store.withdrawRight({ groupId, userId: bob.userId, sessionId: null, right: 'talk' });
      expect(await there.store.commit({ groupId, talkId: losing.talkId, token: losing.token, policy })).toMatchObject({
        status: 'refused',
        cause: 'listen_only',
      });
      expect(withoutPresence(heard)).toEqual([]);
    });

    test('a revoke cancels a reservation, and its commit is refused busy', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(input);
      const outcome = await there.store.end({ groupId, talkId: null, cause: 'revoked' });
      expect(outcome).toMatchObject({ ended: [{ talkId: input.talkId, userId: alice.userId }], withdraw: ['u_alice'] });
      expect(withoutPresence(outcome.published)).toEqual([]);
      expect(await here.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'busy' });
      expectStatus(await there.store.request(press(groupId, bob)), 'granted');
    });

    test('another connection of the session voids what the old one asked for', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice, { oneStep: false });
      await here.store.request(input);
      expectStatus(await here.store.request(press(groupId, alice, { oneStep: false })), 'in_progress');
      await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
      expect(await here.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'not_joined' });
      expect(await harness.slot(groupId)).toBeNull();
    });

    test('who asks during a reservation starts the contended limit of the talk that comes of it', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const contended = { ...policy, contendedTalkMs: 5_000 };
      const input = press(groupId, alice, { oneStep: false, policy: contended });
      await here.store.request(input);
      expectStatus(await there.store.request(press(groupId, bob)), 'busy');
      const commit = await here.store.commit({ ...commitOf(input), policy: contended });
      if (commit.status !== 'granted') throw new Error('The commit was refused');
      expect(commit.grant).toMatchObject({ maxTalkMs: 60_000, remainingMs: 5_000 });
    });

    test("the holder's own second device does not start it", async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      await there.store.join(joinOf(groupId, tablet));
      const input = press(groupId, alice, { oneStep: false });
      await here.store.request(input);
      expectStatus(await there.store.request(press(groupId, tablet)), 'busy');
      const commit = await here.store.commit(commitOf(input));
      if (commit.status !== 'granted') throw new Error('The commit was refused');
      expect(commit.grant.remainingMs).toBe(60_000);
    });
  });
}
