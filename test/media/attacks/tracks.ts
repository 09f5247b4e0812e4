import { expect } from 'vitest';
import type { Attack } from './attack.ts';
import { gather, talk } from './talking.ts';

/** Listened to for so much longer than the bound. */
const BEYOND_MS = 1_000;

export const tracks: readonly Attack[] = [
  {
    name: 'holds the floor and publishes pictures labelled as a microphone',
    short: ['webhooks'],
    alsoWithout: true,
    async run(trial) {
      const { bob, attacker, alice, ear } = await gather(trial.field);
      const { talkId } = await bob.press();
      const fromMs = performance.now();
      expect(await attacker.publishVideoAsMicrophone()).toBe('published');
      await attacker.sendsOn(trial.outWithinMs + BEYOND_MS);
      const measured = ear.seenFor(attacker.identity);
      trial.holds({ what: 'seen', measured, bound: trial.outWithinMs });
      const { cause, atMs } = await alice.seesEnd(talkId, 0);
      trial.holds({ what: 'has the floor', measured: atMs - fromMs, bound: trial.outWithinMs });
      expect(cause).toBe('media_failed');
    },
  },
  {
    name: 'holds the floor and publishes a second microphone',
    short: [],
    alsoWithout: true,
    async run(trial) {
      const { attacker, alice, ear, grant } = await talk(trial.field);
      const fromMs = performance.now();
      expect(await attacker.publish()).toBe('published');
      await attacker.sendsOn(trial.outWithinMs + BEYOND_MS);
      const measured = ear.heardUntil(attacker.identity, fromMs);
      trial.holds({ what: 'heard', measured, bound: trial.outWithinMs });
      const { cause, atMs } = await alice.seesEnd(grant.talkId, 0);
      trial.holds({ what: 'has the floor', measured: atMs - fromMs, bound: trial.outWithinMs });
      expect(cause).toBe('media_failed');
    },
  },
  {
    name: 'sends data packets, with and without the floor',
    short: [],
    async run(trial) {
      const { bob, attacker, ear } = await gather(trial.field);
      void attacker.sendData('without the floor').catch(() => undefined);
      await attacker.sendsOn(BEYOND_MS);
      await bob.press();
      void attacker.sendData('with the floor').catch(() => undefined);
      await attacker.sendsOn(BEYOND_MS);
      const measured = ear.data.length;
      trial.holds({ what: 'delivered', measured, bound: 0, unit: 'packets' });
    },
  },
];
