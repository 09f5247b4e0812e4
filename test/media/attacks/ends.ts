import { expect } from 'vitest';
import { type Attack, SILENCE_MS, type Trial } from './attack.ts';
import { talk, type Talking } from './talking.ts';

/** A change of members counts after so long (floor.md). */
const CHANGE_COUNTS_MS = 1_000;
const MAX_TALK_MS = 1_500;
/** floor.md: the lease of a talk whose process died. */
const LEASE_MS = 6_000;
/** media.md: without a webhook who publishes without the right is out after so long; a start looks at every room. */
const SWEPT_MS = 6_000;
/** Listened to for so much longer than the bound. */
const LISTEN_ON_MS = 800;

/** Ends a talk; returns when its cause was (`performance.now()`), and the cause that all are told. */
type End = (talking: Talking, trial: Trial) => Promise<{ readonly atMs: number; readonly cause: string }>;

/** The attacker's client goes on sending after his talk has ended, whatever ended it. */
function goesOnAfter(
  what: string,
  options: { readonly boundMs: number; readonly short?: boolean; readonly maxTalkMs?: number },
  end: End,
): Attack {
  const { boundMs, maxTalkMs } = options;
  return {
    name: `goes on sending after ${what}`,
    short: options.short === true ? ['webhooks'] : [],
    async run(trial) {
      const talking = await talk(trial.field, maxTalkMs === undefined ? {} : { settings: { maxTalkMs } });
      const { attacker, alice, ear, grant } = talking;
      const { atMs, cause } = await end(talking, trial);
      expect(await alice.seesEnd(grant.talkId, boundMs + 3_000)).toMatchObject({ cause });
      const leftMs = Math.max(0, atMs + boundMs - performance.now());
      await attacker.sendsOn(leftMs + LISTEN_ON_MS);
      trial.holds({ what: 'heard after it', measured: ear.heardUntil(attacker.identity, atMs), bound: boundMs });
    },
  };
}

/** Nobody is there to end his talk: the right that LiveKit has given is withdrawn by whoever starts again. */
const untilBackendsStart: Attack = {
  name: 'goes on sending after kill -9 of all backends, until they start again',
  short: [],
  async run({ field, holds }) {
    const { attacker, ear } = await talk(field);
    const killedAtMs = performance.now();
    await Promise.all([field.here.kill(), field.there.kill()]);
    await attacker.sendsOn(LEASE_MS);
    expect(ear.heardUntil(attacker.identity, killedAtMs), 'he is heard until then').toBeGreaterThan(LEASE_MS / 2);
    await field.startBackends();
    const atMs = performance.now();
    await attacker.sendsOn(SWEPT_MS + LISTEN_ON_MS);
    holds({ what: 'heard after the start', measured: ear.heardUntil(attacker.identity, atMs), bound: SWEPT_MS });
  },
};

export const ends: readonly Attack[] = [
  untilBackendsStart,
  goesOnAfter('his release', { boundMs: SILENCE_MS, short: true }, async ({ bob }) => ({
    atMs: await bob.release(),
    cause: 'released',
  })),
  goesOnAfter("the manager's revoke", { boundMs: SILENCE_MS }, async ({ alice, group }) => {
    const atMs = performance.now();
    await alice.socket.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId: group.id });
    return { atMs, cause: 'revoked' };
  }),
  goesOnAfter('his removal from the group', { boundMs: CHANGE_COUNTS_MS + SILENCE_MS }, async ({ group, bob }) => {
    const atMs = performance.now();
    await group.remove(bob);
    return { atMs, cause: 'removed' };
  }),
  goesOnAfter('the longest time', { boundMs: SILENCE_MS, maxTalkMs: MAX_TALK_MS }, async ({ grant }) => ({
    atMs: grant.grantedAtMs + MAX_TALK_MS,
    cause: 'too_long',
  })),
  goesOnAfter('kill -9 of his backend', { boundMs: LEASE_MS + SILENCE_MS }, async (_talking, { field }) => {
    const atMs = performance.now();
    await field.here.kill();
    return { atMs, cause: 'expired' };
  }),
];
