import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import {
  commitOf,
  envelopes,
  expectStatus,
  joinOf,
  kinds,
  person,
  policy,
  press,
  withoutPresence,
  ofMember,
  type Scene,
} from './scene.ts';

export function describeQueue(scene: Scene): void {
  describe('queue, emergency and pre-emption', () => {
    test('who waits keeps his place when he asks again, also after the queue was turned off', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await there.store.request(press(groupId, bob, { queue: true }));
      const off = { ...policy, queueLimit: 0 };
      const again = await there.store.request(press(groupId, bob, { queue: true, policy: off }));
      expect(expectStatus(again, 'queued').position).toBe(1);
      const carol = person('Carol');
      await here.store.join(joinOf(groupId, carol));
      expectStatus(await here.store.request(press(groupId, carol, { queue: true, policy: off })), 'busy');
    });

    test('waiters have positions, and the first gets the reservation when the talk ends', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      await here.store.request(press(groupId, alice));
      const second = press(groupId, bob, { queue: true });
      expect(expectStatus(await there.store.request(second), 'queued').position).toBe(1);
      expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
      expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
      const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expect(kinds(outcome.published)).toEqual(['ended released', 'handover', 'queue']);
      const note = envelopes(outcome.published)[1];
      if (note?.kind !== 'handover') throw new Error('No hand-over was published');
      expect(note).toMatchObject({ talkId: second.talkId, token: second.token, connectionId: bob.connectionId });
      expect(envelopes(outcome.published)[2]).toEqual({
        kind: 'queue',
        places: [{ connectionId: carol.connectionId, position: 1 }],
      });
      const commit = await there.store.commit({ groupId, talkId: note.talkId, token: note.token, policy });
      expect(commit.status).toBe('granted');
    });

    test('a full queue refuses, and a place is given up by a release without talk id or a lost socket', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      const narrow = { ...policy, queueLimit: 1 };
      await here.store.request(press(groupId, alice, { policy: narrow }));
      await here.store.request(press(groupId, bob, { queue: true, policy: narrow }));
      expectStatus(await here.store.request(press(groupId, carol, { queue: true, policy: narrow })), 'queue_full');
      expect((await here.store.release({ groupId, ...ofMember(bob), talkId: null })).released).toBe(false);
      expectStatus(await here.store.request(press(groupId, carol, { queue: true, policy: narrow })), 'queued');
      await here.store.leave({ groupId, ...ofMember(carol), how: 'closed' });
      expectStatus(await here.store.request(press(groupId, bob, { queue: true, policy: narrow })), 'queued');
    });

    test('an emergency takes an ordinary talk with no third party between, in one step and in two', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      const outcome = expectStatus(await there.store.request(press(groupId, bob, { emergency: true })), 'granted');
      expect(withoutPresence(outcome.published)).toEqual(['ended preempted', 'started']);
      expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'busy');
      await there.store.release({ groupId, ...ofMember(bob), talkId: null });

      await here.store.request(press(groupId, alice));
      const second = press(groupId, bob, { emergency: true, oneStep: false, identity: 'u_bob' });
      expectStatus(await there.store.request(second), 'prepared');
      expect((await here.store.snapshot({ groupId, since: null })).talk?.speaker.displayName).toBe('Alice');
      expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      const commit = await there.store.commit({ groupId, talkId: second.talkId, token: second.token, policy });
      expect(withoutPresence(commit.published)).toEqual(['ended preempted', 'started']);
      expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      const starts = envelopes(heard).flatMap((each) => (each.kind === 'started' ? [each.emergency] : []));
      expect(starts).toEqual([false, true, false, true]);
    });

    test('a pre-emption names the talker to silence, and is an ordinary grant when he lets go meanwhile', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      const ordinary = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
      await here.store.request(ordinary);
      await here.store.commit(commitOf(ordinary));
      const emergency = press(groupId, bob, { emergency: true, oneStep: false, identity: 'u_bob' });
      const prepared = expectStatus(await there.store.request(emergency), 'prepared');
      expect(prepared).toMatchObject({ silence: 'u_alice', withdraw: [] });
      const release = await here.store.release({ groupId, ...ofMember(alice), talkId: ordinary.talkId });
      expect(release).toMatchObject({ released: true, withdraw: ['u_alice'] });
      expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      const commit = await there.store.commit(commitOf(emergency));
      expect(withoutPresence(commit.published)).toEqual(['started']);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released', 'started']);
    });

    test('a cancelled pre-emption gives the slot back, and ends a talker who was silenced for nothing', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const talk = press(groupId, alice);
      await here.store.request(talk);
      const first = press(groupId, bob, { emergency: true, oneStep: false });
      await there.store.request(first);
      await there.store.cancel({ ...commitOf(first), silenced: null, rightGiven: true });
      expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
      expect((await here.store.snapshot({ groupId, since: null })).talk?.talkId).toBe(talk.talkId);
      const second = press(groupId, bob, { emergency: true, oneStep: false });
      await there.store.request(second);
      const change = await there.store.cancel({ ...commitOf(second), silenced: 'media_failed', rightGiven: true });
      expect(withoutPresence(change.published)).toEqual(['ended media_failed']);
      expect(await harness.slot(groupId)).toBeNull();
    });

    test('a pre-emption whose commit is refused still ends the talker who was silenced for it', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      const input = press(groupId, bob, { emergency: true, oneStep: false });
      await there.store.request(input);
      await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
      expect(await there.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'not_joined' });
      const kept = await there.store.cancel({ ...commitOf(input), silenced: null, rightGiven: true });
      expect(withoutPresence(kept.published)).toEqual([]);
      const ended = await there.store.cancel({ ...commitOf(input), silenced: 'media_failed', rightGiven: true });
      expect(withoutPresence(ended.published)).toEqual(['ended media_failed']);
    });

    test('a pre-emption survives that the talker comes back on another connection', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      const input = press(groupId, bob, { emergency: true, oneStep: false });
      await there.store.request(input);
      await here.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
      expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      expect((await there.store.commit(commitOf(input))).status).toBe('granted');
    });

    test('a waiter whose request becomes an emergency moves before the ordinary askers', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      await here.store.request(press(groupId, alice, { emergency: true }));
      await here.store.request(press(groupId, bob, { queue: true }));
      const early = press(groupId, carol, { queue: true });
      expect(expectStatus(await here.store.request(early), 'queued').position).toBe(2);
      const again = await here.store.request(press(groupId, carol, { queue: true, emergency: true }));
      expect(expectStatus(again, 'queued').position).toBe(1);
      expect(envelopes(again.published)).toEqual([
        {
          kind: 'queue',
          places: [
            { connectionId: carol.connectionId, position: 1 },
            { connectionId: bob.connectionId, position: 2 },
          ],
        },
      ]);
      const { published } = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expect(envelopes(published)[1]).toMatchObject({ kind: 'handover', talkId: early.talkId, token: early.token });
    });

    test('without queue a waiter is busy and keeps his place', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      await here.store.request(press(groupId, alice));
      await here.store.request(press(groupId, bob, { queue: true }));
      expectStatus(await here.store.request(press(groupId, bob)), 'busy');
      expect((await here.store.release({ groupId, ...ofMember(bob), talkId: uuid() })).released).toBe(false);
      expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
    });

    test('a waiter who joined again without the right to talk is passed over, and told', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      await here.store.request(press(groupId, alice));
      await here.store.request(press(groupId, bob, { queue: true }));
      await here.store.request(press(groupId, carol, { queue: true }));
      await here.store.join(joinOf(groupId, { ...bob, talk: 'listen_only' }));
      const { published } = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expect(envelopes(published)).toMatchObject([
        { kind: 'ended' },
        { kind: 'queue_failed', connectionId: bob.connectionId, cause: 'listen_only' },
        { kind: 'handover', connectionId: carol.connectionId },
      ]);
    });

    test('emergency is an ordinary request where the group has it off', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const off = { ...policy, emergency: 'off' } as const;
      await here.store.request(press(groupId, alice, { policy: off }));
      expectStatus(await there.store.request(press(groupId, bob, { emergency: true, policy: off })), 'busy');
    });

    test('an emergency queues before ordinary askers and behind another emergency', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol, dave] = await scene.present('Alice', 'Bob', 'Carol', 'Dave');
      if (!alice || !bob || !carol || !dave) throw new Error('Four members are needed');
      await here.store.request(press(groupId, alice, { emergency: true }));
      await here.store.request(press(groupId, bob, { queue: true }));
      const third = await here.store.request(press(groupId, carol, { queue: true, emergency: true }));
      expect(expectStatus(third, 'queued').position).toBe(1);
      const fourth = await here.store.request(press(groupId, dave, { queue: true, emergency: true }));
      expect(expectStatus(fourth, 'queued').position).toBe(2);
    });

    test('the manager takes the floor from a member only where the group says so', async () => {
      const { here, groupId } = scene;
      const manager = person('Manager', { role: 'group_manager' });
      const member = person('Member');
      await here.store.join(joinOf(groupId, manager));
      await here.store.join(joinOf(groupId, member));
      await here.store.request(press(groupId, member));
      expectStatus(await here.store.request(press(groupId, manager)), 'busy');
      const preempting = { ...policy, managerPreempts: true };
      expectStatus(await here.store.request(press(groupId, manager, { policy: preempting })), 'granted');
      expectStatus(await here.store.request(press(groupId, member)), 'busy');
    });
  });
}
