import { until } from '../../_support/until.ts';
import { permissionOf } from '../room-client.ts';
import type { Attacker } from './attacker.ts';
import type { Ear } from './ear.ts';
import type { Field, Group } from './field.ts';
import type { Grant, Member } from './member.ts';

const HEARD_LIMIT_MS = 15_000;
const OVER_LIMIT_MS = 15_000;

/** Bob, whose client is the attacker's, talks in a group; Alice, its manager, listens on the other process. */
export interface Talking {
  readonly group: Group;
  readonly bob: Member;
  readonly attacker: Attacker;
  readonly grant: Grant;
  readonly alice: Member;
  readonly ear: Ear;
}

/** Both are in the group, and in its room; nobody talks. */
export async function gather(
  field: Field,
  options: { readonly settings?: Readonly<Record<string, unknown>>; readonly attackersUrl?: string } = {},
): Promise<Omit<Talking, 'grant'>> {
  const group = await field.group(options.settings);
  const [bob, alice] = await Promise.all([group.member('bob', field.here), group.member('alice')]);
  const [attacker, ear] = await Promise.all([
    field.attacker({ ...bob.media, ...(options.attackersUrl === undefined ? {} : { url: options.attackersUrl }) }),
    field.ear(alice.media),
  ]);
  return { group, bob, attacker, alice, ear };
}

/** Bob was given the floor and is heard. */
export async function talk(...where: Parameters<typeof gather>): Promise<Talking> {
  const people = await gather(...where);
  const grant = await people.bob.press();
  await isHeard(people, grant.grantedAtMs);
  return { ...people, grant };
}

/** Bob's talk has ended, his right is withdrawn, and his client has left the room: what comes now is a new attack. */
export async function isOver(field: Field, { bob, attacker }: Talking): Promise<void> {
  await bob.release();
  const { room, identity } = bob.media;
  await until(async () => !(await permissionOf(field.livekit, room, identity)).canPublish, {
    limitMs: OVER_LIMIT_MS,
    describe: () => 'the right to speak is withdrawn',
  });
  await attacker.leave();
}

/** The attacker publishes, and is heard. Throws when he is not. */
export async function isHeard({ attacker, ear }: Pick<Talking, 'attacker' | 'ear'>, sinceMs: number): Promise<void> {
  const published = await attacker.publish();
  if (published !== 'published') throw published;
  await until(() => ear.firstHeard(attacker.identity, sinceMs), {
    limitMs: HEARD_LIMIT_MS,
    describe: () => 'who holds the floor is heard',
  });
}
