import { describe, expect, test } from 'vitest';
import {
  commitOf,
  endOf,
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

export function describeLimits(scene: Scene): void {
  describe('limits', () => {
    test('the longest talk ends too_long and its talker waits the cooldown', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const short = { ...policy, maxTalkMs: 5_000 };
      await here.store.request(press(groupId, alice, { policy: short }));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended too_long'));
      const outcome = expectStatus(await here.store.request(press(groupId, alice)), 'cooldown');
      expect(outcome.retryAfterMs).toBeGreaterThan(0);
      expect(outcome.retryAfterMs).toBeLessThanOrEqual(policy.cooldownMs);
      expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'granted');
    });

    test('the contended limit starts with the first other asker', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      const contended = { ...policy, contendedTalkMs: 6_000 };
      await here.store.request(press(groupId, alice, { policy: contended }));
      expect((await here.store.snapshot({ groupId, since: null })).talk?.remainingMs).toBeGreaterThan(6_000);
      await there.store.request(press(groupId, bob));
      expect((await here.store.snapshot({ groupId, since: null })).talk?.remainingMs).toBeLessThanOrEqual(6_000);
      await scene.settleUntil(here.store, () => withoutPresence(heard).includes('ended too_long'));
    });

    test('a talk that was too long hands over to the first waiter', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice, { policy: { ...policy, maxTalkMs: 5_000 } }));
      const waiting = press(groupId, bob, { queue: true });
      expectStatus(await there.store.request(waiting), 'queued');
      await scene.settleUntil(here.store, () => withoutPresence(heard).includes('handover'));
      expect(withoutPresence(heard)).toEqual(['started', 'ended too_long', 'handover']);
      expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      expect((await there.store.commit(commitOf(waiting))).status).toBe('granted');
    });

    test('who waits when a talk starts counts as the first other asker', async () => {
      const { here, groupId } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three members are needed');
      const contended = { ...policy, contendedTalkMs: 5_000 };
      await here.store.request(press(groupId, alice));
      const second = press(groupId, bob, { queue: true });
      await here.store.request(second);
      const third = press(groupId, carol, { queue: true });
      await here.store.request(third);
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const first = await here.store.commit({ ...commitOf(second), policy: contended });
      await here.store.release({ groupId, ...ofMember(bob), talkId: null });
      const last = await here.store.commit({ ...commitOf(third), policy: contended });
      expect([first, last]).toMatchObject([{ grant: { remainingMs: 5_000 } }, { grant: { remainingMs: 60_000 } }]);
    });

    test('an emergency that was cut as too long binds the next emergency too', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const short = { ...policy, maxTalkMs: 5_000 };
      await here.store.request(press(groupId, alice, { emergency: true, policy: short }));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended too_long'));
      expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'cooldown');
    });

    test('a revoke says the cooldown only of an emergency', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.end({ groupId, talkId: null, cause: 'revoked' });
      await here.store.request(press(groupId, bob, { emergency: true }));
      await here.store.end({ groupId, talkId: null, cause: 'revoked' });
      await expect.poll(() => withoutPresence(heard)).toHaveLength(4);
      const waits = envelopes(heard).flatMap((each) => (each.kind === 'ended' ? [each.retryAfterMs] : []));
      expect(waits).toEqual([0, policy.cooldownMs]);
      expectStatus(await there.store.request(press(groupId, bob, { emergency: true })), 'cooldown');
    });

    test("a cooldown binds the user's other devices, and takes the places that they wait in", async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      await there.store.join(joinOf(groupId, tablet));
      await here.store.request(press(groupId, bob));
      expectStatus(await there.store.request(press(groupId, tablet, { queue: true })), 'queued');
      const short = { ...policy, maxTalkMs: 5_000 };
      await here.store.request(press(groupId, alice, { emergency: true, policy: short }));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('queue_failed'));
      expect(withoutPresence(heard).slice(-2)).toEqual(['ended too_long', 'queue_failed']);
      expect(envelopes(heard).find((each) => each.kind === 'queue_failed')).toEqual({
        kind: 'queue_failed',
        connectionId: tablet.connectionId,
        cause: 'cooldown',
        retryAfterMs: policy.cooldownMs,
      });
      expectStatus(await there.store.request(press(groupId, tablet)), 'cooldown');
    });

    test('a changed cooldown counts from the next request on', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice, { policy: { ...policy, maxTalkMs: 5_000 } }));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended too_long'));
      const ask = (cooldownMs: number) =>
        here.store.request(press(groupId, alice, { policy: { ...policy, cooldownMs } }));
      const longer = expectStatus(await ask(1_000_000), 'cooldown');
      expect(longer.retryAfterMs).toBeGreaterThan(policy.cooldownMs);
      expect(longer.retryAfterMs).toBeLessThanOrEqual(1_000_000);
      const asItWas = expectStatus(await ask(policy.cooldownMs), 'cooldown');
      expect(asItWas.retryAfterMs).toBeLessThanOrEqual(policy.cooldownMs);
      expectStatus(await ask(0), 'granted');
    });

    test('a cooldown that is turned on binds whose talk ended before', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice, { policy: { ...policy, maxTalkMs: 5_000, cooldownMs: 0 } }));
      await scene.settleUntil(there.store, () => withoutPresence(heard).includes('ended too_long'));
      expect(envelopes(heard).find((each) => each.kind === 'ended')).toMatchObject({ retryAfterMs: 0 });
      expectStatus(await here.store.request(press(groupId, alice)), 'cooldown');
    });

    test('a limit that is found late ended the talk when it was reached; the cooldown counts from now', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice, { policy: { ...policy, maxTalkMs: 5_000 } }));
      await scene.pass(60_000);
      const { published } = await there.store.settle({ groupId });
      expect(await endOf(scene, published)).toEqual({ cause: 'too_long', durationMs: 5_000 });
      await here.store.join(joinOf(groupId, alice));
      const outcome = expectStatus(await here.store.request(press(groupId, alice)), 'cooldown');
      expect(outcome.retryAfterMs).toBeGreaterThan(policy.cooldownMs - 50_000);
    });

    test('a released talk causes no cooldown', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      await here.store.request(press(groupId, alice));
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      expectStatus(await here.store.request(press(groupId, alice)), 'granted');
    });
  });
}
