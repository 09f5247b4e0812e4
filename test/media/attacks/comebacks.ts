import { expect } from 'vitest';
import { until } from '../../_support/until.ts';
import { lookUp } from '../room-client.ts';
import { type Attack, SILENCE_MS, type Trial } from './attack.ts';
import { isHeard, talk, type Talking } from './talking.ts';

/** floor.md: a talk is kept so long for a lost connection. */
const GRACE_MS = 2_000;
/** How long a library may need to come back by itself. */
const RETURN_LIMIT_MS = 30_000;
/** How long a library tries to resume before it joins anew; measured: 2 s. */
const RETURN_MS = 5_000;
/** media.md: who is seen to publish without the right is out after so long; a thaw is no event that LiveKit tells of. */
const WITHOUT_WEBHOOK_MS = 6_000;
const FROZEN_MS = 3_000;
/** Sends for so much longer than the bound. */
const BEYOND_MS = 1_000;

/** The library has come back with whatever right it had; he is not heard without the floor, and heard with it. */
async function isBack(trial: Trial, talking: Talking, fromMs: number): Promise<void> {
  const { bob, attacker, ear } = talking;
  await until(() => attacker.returns > 0, {
    limitMs: RETURN_LIMIT_MS,
    describe: () => "the talker's library comes back by itself",
  });
  await attacker.sendsOn(trial.outWithinMs + BEYOND_MS);
  const measured = ear.heardFor(attacker.identity, fromMs);
  trial.holds({ what: 'heard when he is back', measured, bound: trial.outWithinMs });
  await attacker.unpublish();
  const { grantedAtMs } = await (await bob.again(trial.field.here)).press();
  await isHeard({ attacker, ear }, grantedAtMs);
}

export const comebacks: readonly Attack[] = [
  {
    name: 'comes back by himself after his links were cut in a talk',
    short: ['lost'],
    alsoWithout: true,
    async run(trial) {
      const link = await trial.field.link();
      const talking = await talk(trial.field, { attackersUrl: link.url });
      const { bob, attacker, alice, ear, grant } = talking;
      link.cut();
      bob.socket.terminate();
      const { cause, atMs } = await alice.seesEnd(grant.talkId, GRACE_MS + 3_000);
      expect(cause).toBe('lost');
      await attacker.sendsOn(SILENCE_MS + BEYOND_MS);
      const measured = ear.heardUntil(attacker.identity, atMs);
      trial.holds({ what: 'heard after the end', measured, bound: SILENCE_MS });
      const fromMs = performance.now();
      link.restore();
      await isBack(trial, talking, fromMs);
    },
  },
  {
    name: 'comes back by himself to a LiveKit that was restarted, after his release meanwhile',
    short: ['webhooks'],
    alsoWithout: true,
    async run(trial) {
      const talking = await talk(trial.field);
      const { bob, ear } = talking;
      await trial.field.livekit.kill();
      await bob.release();
      const fromMs = performance.now();
      await trial.field.livekit.start();
      await until(() => ear.returns > 0, {
        limitMs: RETURN_LIMIT_MS,
        describe: () => "the listener's library comes back by itself",
      });
      await isBack(trial, talking, fromMs);
    },
  },
  {
    name: 'comes back by himself after he was removed from the group while his links were cut',
    short: [],
    alsoWithout: true,
    async run({ field, holds, outWithinMs }) {
      const link = await field.link();
      const { group, bob, attacker, ear } = await talk(field, { attackersUrl: link.url });
      link.cut();
      bob.socket.terminate();
      await group.remove(bob);
      const { room } = bob.media;
      await until(async () => (await lookUp(field.livekit, room, bob.identity)) === undefined, {
        limitMs: outWithinMs,
        describe: () => 'he is put out of the room',
      });
      const fromMs = performance.now();
      link.restore();
      await attacker.sendsOn(RETURN_MS + outWithinMs + BEYOND_MS);
      holds({ what: 'heard', measured: ear.heardFor(bob.identity, fromMs), bound: outWithinMs });
      expect(await lookUp(field.livekit, room, bob.identity), 'he is out of the room').toBeUndefined();
    },
  },
  {
    name: 'goes on sending through a LiveKit that was frozen, after his release meanwhile',
    short: [],
    async run({ field, holds }) {
      const { bob, attacker, ear } = await talk(field);
      field.livekit.pause();
      await bob.release();
      await attacker.sendsOn(FROZEN_MS);
      const thawedAtMs = performance.now();
      field.livekit.resume();
      await attacker.sendsOn(WITHOUT_WEBHOOK_MS + BEYOND_MS);
      const measured = ear.heardUntil(attacker.identity, thawedAtMs);
      holds({ what: 'heard after the thaw', measured, bound: WITHOUT_WEBHOOK_MS });
    },
  },
];
