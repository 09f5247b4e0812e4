import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../../_support/until.ts';
import type { Fault } from '../world/run.ts';

/** Nothing but people who talk as they do. */
export const nothing: Fault = {
  name: 'no fault',
  lastsMs: 1_500,
  recoversWithinMs: 2_000,
  inject: () => undefined,
  heal: () => undefined,
};

export const socketReset: Fault = {
  name: "talker's socket reset",
  isShort: true,
  lastsMs: 500,
  recoversWithinMs: 2_000,
  inject: async ({ people }) => {
    for (let round = 0; round < 8; round += 1) {
      for (const person of people.filter(({ holding }) => holding.size > 0)) person.reset();
      await pause(200);
    }
  },
  heal: () => undefined,
};

export const halfOpenTalker: Fault = {
  name: 'half-open talker',
  lastsMs: 9_500,
  recoversWithinMs: 2_000,
  inject: async ({ people }) => {
    for (let look = 0; look < 100; look += 1) {
      const talkers = people.filter(({ holding }) => holding.size > 0);
      for (const talker of talkers) talker.freeze(9_500).catch(() => undefined);
      if (talkers.length > 0) return;
      await pause(20);
    }
  },
  heal: () => undefined,
};

/** More than 256 KiB, at a pace that the server keeps up with: each answer is a whole snapshot. */
const MOST_ANSWERS = 220;

export const slowReader: Fault = {
  name: 'slow reader',
  lastsMs: 0,
  recoversWithinMs: 4_000,
  answerLimitMs: 15_000,
  inject: async ({ people, groups, random }) => {
    const reader = random.pick(people.filter(({ isThere }) => isThere));
    const [group] = groups;
    if (group === undefined) return;
    const position = reader.position(group.groupId);
    const since = position && { epoch: position.epoch, seq: Math.max(0, position.seq - 50) };
    reader.freeze(14_000).catch(() => undefined);
    for (let sent = 0; sent < MOST_ANSWERS; sent += 1) {
      reader.send('JOIN_GROUP', { groupId: group.groupId, ...(since ? { since } : {}) });
      if (sent % 10 === 0) await pause(120);
    }
  },
  heal: async ({ world, remark }) => {
    const isClosed = async (): Promise<boolean> => {
      const texts = await Promise.all(world.slots.map(({ neda }) => neda.rest.request('GET', '/metrics')));
      return texts.some(({ text }) => /neda_sockets_ended_total\{reason="slow_consumer"\} [1-9]/.test(text));
    };
    await until(isClosed, { limitMs: 13_000, everyMs: 500, describe: () => 'the slow reader was closed' }).catch(
      (error: unknown) => remark(String(error)),
    );
  },
};

export const reconnectStorm: Fault = {
  name: 'reconnect storm',
  lastsMs: 800,
  recoversWithinMs: 4_000,
  inject: async ({ people, witnesses, world, directTo }) => {
    directTo(world.slots.slice(0, 1));
    for (let round = 0; round < 4; round += 1) {
      for (const person of [...people, ...witnesses]) person.reset();
      await pause(350);
    }
  },
  heal: ({ directTo }) => directTo(null),
};
