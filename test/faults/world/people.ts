import type { Tokens } from '../../_support/wire.ts';
import type { ConnectionRecord } from '../checker/history.ts';
import { Person } from './person.ts';
import type { Random } from './random.ts';
import type { RunGroup } from './run.ts';
import type { ServerSlot } from './server-slot.ts';
import type { World } from './world.ts';

/** Some have two devices. */
const USERS = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'];

/** The groups of one run; those that can end talks by themselves do so soon. */
export async function makeGroups(world: World, random: Random): Promise<RunGroup[]> {
  const users = await world.users([...USERS, 'witness']);
  const plain = { maxTalkMs: 60_000, contendedTalkMs: 20_000, cooldownMs: 0 };
  const kinds: readonly Readonly<Record<string, number | boolean>>[] = [
    { ...plain, queueLimit: random.between(1, 6) },
    { maxTalkMs: 1_200, contendedTalkMs: 600, cooldownMs: 150, queueLimit: 3, managerPreempts: true },
    { ...plain, queueLimit: 0 },
  ];
  return Promise.all(
    kinds.map(async (settings, index) => {
      const group = await world.rest().createGroup(world.admin.accessToken, {
        name: `Group ${index}`,
        managerId: users.get('alice') ?? '',
        settings,
      });
      for (const [username, userId] of users) {
        if (username === 'alice') continue;
        await world.rest().putMember(world.admin.accessToken, group.id, userId, { talk: 'allowed' });
      }
      const shortestLimitMs = Math.min(Number(settings['maxTalkMs']), Number(settings['contendedTalkMs']));
      return { groupId: group.id, shortestLimitMs, isDeleted: false };
    }),
  );
}

/** People and witnesses with sessions of their own, not connected yet. */
export async function makePeople(
  world: World,
  options: {
    readonly count: number;
    readonly groups: readonly RunGroup[];
    readonly choose: () => ServerSlot;
    readonly record: (connection: ConnectionRecord) => void;
  },
): Promise<{ people: Person[]; witnesses: Person[] }> {
  const groupIds = options.groups.map(({ groupId }) => groupId);
  const common = { refresh: (tokens: Tokens) => world.refresh(tokens), record: options.record };
  const people = Array.from({ length: options.count }, async (_none, index) => {
    const username = USERS[index % USERS.length] ?? '';
    const name = `${username}${index < USERS.length ? '' : "'s second"}`;
    const tokens = await world.session(name, username);
    return new Person({ ...common, name, tokens, groupIds: groupIds.slice(0, -1), choosePlace: options.choose });
  });
  const witnesses = world.slots.map(async (slot) => {
    const name = `witness of ${slot.index}`;
    const tokens = await world.session(name, 'witness');
    return new Person({ ...common, name, tokens, groupIds, choosePlace: () => slot });
  });
  return { people: await Promise.all(people), witnesses: await Promise.all(witnesses) };
}
