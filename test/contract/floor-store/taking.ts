import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import {
  envelopes,
  expectStatus,
  joinOf,
  person,
  policy,
  press,
  testTimings,
  withoutPresence,
  ofMember,
  type Scene,
} from './scene.ts';

export function describeTaking(scene: Scene): void {
  describe('taking and giving the floor', () => {
    test('a press in an idle group takes the slot, numbers and announces the talk', async () => {
      const { harness, here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      const outcome = expectStatus(await here.store.request(input), 'granted');
      expect(outcome.grant).toMatchObject({
        talkId: input.talkId,
        streamId: 7,
        maxTalkMs: 60_000,
        remainingMs: 60_000,
      });
      const slot = await harness.slot(groupId);
      expect(slot?.userId).toBe(alice.userId);
      expect(slot?.ttlMs).toBeGreaterThan(0);
      expect(slot?.ttlMs).toBeLessThanOrEqual(testTimings.leaseMs);
      await expect.poll(() => withoutPresence(heard)).toEqual(['started']);
      const started = envelopes(heard).find((each) => each.kind === 'started');
      if (started?.kind !== 'started') throw new Error('No start was announced');
      expect(JSON.parse(started.bytes)).toEqual({
        type: 'TALK_STARTED',
        groupId,
        epoch: outcome.epoch,
        seq: outcome.grant.seq,
        talkId: input.talkId,
        streamId: 7,
        speaker: { userId: alice.userId, displayName: 'Alice' },
        emergency: false,
      });
      expect(started.connectionId).toBe(alice.connectionId);
    });

    test('a second asker is busy with the holder, whichever process he is on', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      const outcome = expectStatus(await there.store.request(press(groupId, bob)), 'busy');
      expect(outcome.holder).toEqual({ userId: alice.userId, displayName: 'Alice' });
    });

    test('of many presses at once exactly one is granted', async () => {
      const { here, there, groupId } = scene;
      const members = await scene.present(...Array.from({ length: 20 }, (_, index) => `Member ${index}`));
      const outcomes = await Promise.all(
        members.map((member, index) => (index % 2 ? here : there).store.request(press(groupId, member))),
      );
      expect(outcomes.filter((outcome) => outcome.status === 'granted')).toHaveLength(1);
      expect(outcomes.filter((outcome) => outcome.status === 'busy')).toHaveLength(19);
    });

    test('a release frees the slot and announces the end', async () => {
      const { harness, here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: input.talkId });
      expect(outcome.released).toBe(true);
      expect(await harness.slot(groupId)).toBeNull();
      await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
      const ended = envelopes(heard).at(-1);
      if (ended?.kind !== 'ended') throw new Error('No end was announced');
      expect(JSON.parse(ended.bytes)).toMatchObject({
        type: 'TALK_ENDED',
        talkId: input.talkId,
        speaker: { userId: alice.userId, displayName: 'Alice' },
        cause: 'released',
        seq: outcome.seq,
      });
    });

    test('a release by anybody else, or of another talk, changes nothing', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      expect((await there.store.release({ groupId, ...ofMember(bob), talkId: null })).released).toBe(false);
      expect((await here.store.release({ groupId, ...ofMember(alice), talkId: uuid() })).released).toBe(false);
      expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
    });

    test("the same user's second device neither frees nor shares the floor", async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      await there.store.join(joinOf(groupId, tablet));
      await here.store.request(press(groupId, alice));
      expect((await there.store.release({ groupId, ...ofMember(tablet), talkId: null })).released).toBe(false);
      const outcome = expectStatus(await there.store.request(press(groupId, tablet)), 'busy');
      expect(outcome.holder?.userId).toBe(alice.userId);
      const snapshot = await here.store.snapshot({ groupId, since: null });
      expect(snapshot.talk?.remainingMs).toBeGreaterThan(policy.contendedTalkMs);
    });

    test('the talker asking again gets the same grant and its old number', async () => {
      const { here, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const first = expectStatus(await here.store.request(press(groupId, alice)), 'granted');
      const again = expectStatus(await here.store.request(press(groupId, alice)), 'repeated');
      expect(again.grant.talkId).toBe(first.grant.talkId);
      expect(again.grant.seq).toBe(first.grant.seq);
      expect(withoutPresence(heard)).toEqual(['started']);
    });

    test('who is not present is not_joined, who may only listen is listen_only', async () => {
      const { here, groupId } = scene;
      await scene.pair();
      expectStatus(await here.store.request(press(groupId, person('Stranger'))), 'not_joined');
      const listener = person('Listener', { talk: 'listen_only' });
      await here.store.join(joinOf(groupId, listener));
      expectStatus(await here.store.request(press(groupId, listener)), 'listen_only');
      expectStatus(await here.store.request(press(uuid(), listener)), 'not_joined');
    });
  });
}
