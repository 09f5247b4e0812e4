import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { effort } from '../_support/effort.ts';
import { until } from '../_support/until.ts';
import { type Attack, Measurements } from './attacks/attack.ts';
import { TONE_HZ } from './attacks/attacker.ts';
import { ends } from './attacks/ends.ts';
import { Field } from './attacks/field.ts';
import { comebacks } from './attacks/comebacks.ts';
import { replayed } from './attacks/replays.ts';
import { rooms } from './attacks/rooms.ts';
import { talk } from './attacks/talking.ts';
import { tracks } from './attacks/tracks.ts';

const ATTACKS: readonly Attack[] = [...ends, ...replayed, ...tracks, ...rooms, ...comebacks];
const LIMIT_MS = 60_000;
const LATE_ENTRY_LIMIT_MS = 15_000;

const measurements = new Measurements();
let field: Field;

beforeAll(async () => {
  field = await Field.start();
});

afterEach(async () => {
  await field.clear();
});

afterAll(async () => {
  await field.close();
  console.log(`How long attackers were heard, seen or could hear\n${measurements.table()}`);
});

test('who has the floor is heard by everybody in the group, and nobody else is', async () => {
  const { group, attacker, ear, grant } = await talk(field);
  const carol = await group.member('carol', field.here);
  const carolsEar = await field.ear(carol.media);
  await until(() => carolsEar.firstHeard(attacker.identity, grant.grantedAtMs), {
    limitMs: LATE_ENTRY_LIMIT_MS,
    describe: () => 'who comes late hears him too',
  });
  const fromMs = performance.now();
  await attacker.sendsOn(1_000);
  for (const listener of [ear, carolsEar]) {
    expect(listener.pitchOf(attacker.identity, fromMs) / TONE_HZ).toBeCloseTo(1, 1);
    expect(listener.heard()).toEqual([attacker.identity]);
  }
});

for (const { run, outWithinMs, title } of [
  { run: 'webhooks', outWithinMs: 1_000, title: 'while webhooks arrive' },
  { run: 'lost', outWithinMs: 6_000, title: 'while webhooks are lost' },
] as const) {
  describe(`nobody without the floor is heard, ${title}, who`, () => {
    const attacks = effort({
      short: ATTACKS.filter(({ short }) => short.includes(run)),
      long: ATTACKS.filter(({ alsoWithout }) => run === 'webhooks' || alsoWithout === true),
    });

    beforeAll(() => field.setWebhooks(run === 'webhooks'));

    for (const { name, run: attack } of attacks) {
      test(`${name}`, { timeout: LIMIT_MS }, async () => {
        await attack(measurements.trial(field, `${name}, ${title}`, outWithinMs));
      });
    }
  });
}
