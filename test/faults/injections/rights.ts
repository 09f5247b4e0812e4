import { setTimeout as pause } from 'node:timers/promises';
import type { Fault, Run } from '../world/run.ts';

async function aTalker({ people, groups, random }: Run): Promise<{ userId: string; groupId: string }> {
  for (let look = 0; look < 100; look += 1) {
    for (const { userId, holding, name } of people) {
      const [groupId] = holding.keys();
      if (groupId !== undefined && !name.startsWith('alice')) return { userId, groupId };
    }
    await pause(20);
  }
  return { userId: people[1]?.userId ?? '', groupId: random.pick(groups.slice(0, -1)).groupId };
}

export const tokenExpired: Fault = {
  name: 'token expired in a talk',
  lastsMs: 6_000,
  recoversWithinMs: 2_000,
  inject: async ({ people, world }) => {
    for (const person of people.slice(0, 4)) {
      if (!person.isReady) continue;
      person.tokens = await world.refreshShort(person.tokens);
      await person.ask('AUTHENTICATE', { token: person.tokens.accessToken });
    }
  },
  heal: () => undefined,
};

export const memberRemoved: Fault = {
  name: 'member removed in a talk',
  isShort: true,
  lastsMs: 1_000,
  recoversWithinMs: 2_000,
  inject: async (run) => {
    const { world } = run;
    for (let time = 0; time < 3; time += 1) {
      const by = await aTalker(run);
      run.removed(by);
      const path = `/api/v1/admin/groups/${by.groupId}/members/${by.userId}`;
      await world.rest().request('DELETE', path, { token: world.admin.accessToken });
      await pause(300);
    }
  },
  heal: () => undefined,
};

export const rightTaken: Fault = {
  name: 'talk right taken in a talk',
  lastsMs: 1_000,
  recoversWithinMs: 2_000,
  inject: async (run) => {
    const { world } = run;
    for (let time = 0; time < 3; time += 1) {
      const { userId, groupId } = await aTalker(run);
      run.removed({ userId, groupId });
      await world.rest().putMember(world.admin.accessToken, groupId, userId, { talk: 'listen_only' });
      await pause(300);
    }
  },
  heal: () => undefined,
};

export const floorRevoked: Fault = {
  name: 'floor revoked by REST',
  lastsMs: 500,
  recoversWithinMs: 2_000,
  inject: async (run) => {
    const { world } = run;
    for (let time = 0; time < 5; time += 1) {
      const { groupId } = await aTalker(run);
      run.revoked(groupId);
      const path = `/api/v1/admin/groups/${groupId}/floor`;
      await world.rest().expect(204, 'DELETE', path, { token: world.admin.accessToken });
      await pause(100);
    }
  },
  heal: () => undefined,
};

export const groupDeleted: Fault = {
  name: 'group deleted in a talk',
  lastsMs: 1_000,
  recoversWithinMs: 2_000,
  inject: async (run) => {
    const { groupId } = await aTalker(run);
    run.removed({ groupId, userId: null });
    for (const group of run.groups) if (group.groupId === groupId) group.isDeleted = true;
    const { world } = run;
    await world.rest().expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}`, { token: world.admin.accessToken });
  },
  heal: () => undefined,
};
