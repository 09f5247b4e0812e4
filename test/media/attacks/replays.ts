import type { Attack, Trial } from './attack.ts';
import { gather, isOver, talk, type Talking } from './talking.ts';

/** Sends for so much longer than the bound. */
const BEYOND_MS = 1_000;

/** Joins with a token that is not his to use any more, publishes, and goes on. Measures how long he is heard. */
async function replays(trial: Trial, { ear, bob }: Talking, token: string): Promise<void> {
  const fromMs = performance.now();
  const replayer = await trial.field.attacker({ url: bob.media.url, token });
  void replayer.publish();
  await replayer.sendsOn(trial.outWithinMs + BEYOND_MS);
  trial.holds({
    what: 'heard',
    measured: ear.heardFor(replayer.identity, fromMs),
    bound: trial.outWithinMs,
  });
}

/** How often somebody joins again who was thrown out, and how long he sends each time. */
const [TRIES, TRY_MS] = [5, 400];

export const replayed: readonly Attack[] = [
  {
    name: 'publishes without the floor',
    short: ['webhooks'],
    async run(trial) {
      const { attacker, ear } = await gather(trial.field);
      const fromMs = performance.now();
      void attacker.publish();
      await attacker.sendsOn(1_500);
      trial.holds({ what: 'heard', measured: ear.heardFor(attacker.identity, fromMs), bound: 0 });
    },
  },
  {
    name: 'joins and publishes with the token of a talk that he has ended',
    short: ['webhooks'],
    alsoWithout: true,
    async run(trial) {
      const talking = await talk(trial.field);
      await isOver(trial.field, talking);
      await replays(trial, talking, talking.grant.media.token);
    },
  },
  {
    name: 'joins and publishes with the token that LiveKit itself handed out in a talk',
    short: ['webhooks', 'lost'],
    alsoWithout: true,
    async run(trial) {
      const talking = await talk(trial.field);
      const token = await talking.attacker.refreshedToken();
      await isOver(trial.field, talking);
      await replays(trial, talking, token);
    },
  },
  {
    name: 'joins again and again with the token that LiveKit itself handed out',
    short: [],
    async run(trial) {
      const talking = await talk(trial.field);
      const { ear, bob, attacker } = talking;
      const token = await attacker.refreshedToken();
      await isOver(trial.field, talking);
      let heardMs = 0;
      for (let join = 0; join < TRIES; join += 1) {
        const fromMs = performance.now();
        const replayer = await trial.field.attacker({ url: bob.media.url, token });
        void replayer.publish();
        await replayer.sendsOn(TRY_MS);
        await replayer.leave();
        heardMs += ear.heardFor(bob.identity, fromMs);
      }
      trial.holds({ what: 'heard in all', measured: heardMs, bound: trial.outWithinMs });
    },
  },
  {
    name: 'joins with the token of LiveKit when nobody of the group is connected to a backend',
    short: [],
    alsoWithout: true,
    async run(trial) {
      const talking = await talk(trial.field);
      const token = await talking.attacker.refreshedToken();
      await isOver(trial.field, talking);
      await Promise.all([talking.bob, talking.alice].map(({ socket }) => socket.close()));
      await replays(trial, talking, token);
    },
  },
];
