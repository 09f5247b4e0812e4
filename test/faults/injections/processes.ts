import { execFile } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { promisify } from 'node:util';
import { connect } from 'node:net';
import { z } from 'zod';
import type { Fault, Run } from '../world/run.ts';
import type { ServerSlot } from '../world/server-slot.ts';

const LEASE_MS = 6_000;
const SWEEP_MS = 10_000;

const liveView = z.looseObject({
  items: z.array(
    z.looseObject({ group: z.looseObject({ id: z.string() }), floor: z.looseObject({ state: z.string() }) }),
  ),
});

/** A process with a talker, where there is one. */
async function busyProcess({ world, people, random }: Run): Promise<ServerSlot> {
  for (let look = 0; look < 50; look += 1) {
    const talker = people.find(({ holding }) => holding.size > 0);
    const slot = world.slots.find(({ index, isUp }) => isUp && index === talker?.process);
    if (slot !== undefined) return slot;
    await pause(20);
  }
  return random.pick(world.slots.filter(({ isUp }) => isUp));
}

async function startAll({ world }: Run): Promise<void> {
  await Promise.all(world.slots.filter(({ isUp }) => !isUp).map((slot) => slot.start()));
}

export const processKilled: Fault = {
  name: 'process kill -9',
  isShort: true,
  lastsMs: 500,
  recoversWithinMs: 3_000,
  inject: async (run) => (await busyProcess(run)).kill(),
  heal: startAll,
};

export const processFrozen: Fault = {
  name: 'process stopped longer than its lease',
  isShort: true,
  lastsMs: LEASE_MS + 2_000,
  recoversWithinMs: 4_000,
  answerLimitMs: 10_000,
  inject: async (run) => {
    const slot = await busyProcess(run);
    run.directTo(run.world.slots.filter((other) => other !== slot));
    slot.freeze();
  },
  heal: ({ world, directTo }) => {
    for (const slot of world.slots) if (slot.isUp) slot.thaw();
    directTo(null);
  },
};

export const loopBlocked: Fault = {
  name: 'event loop blocked 2 s',
  lastsMs: 2_000,
  recoversWithinMs: 2_000,
  inject: async (run) => (await busyProcess(run)).freeze(),
  heal: ({ world }) => {
    for (const slot of world.slots) if (slot.isUp) slot.thaw();
  },
};

export const terminated: Fault = {
  name: 'SIGTERM in the middle of a talk',
  isShort: true,
  lastsMs: 300,
  recoversWithinMs: 3_000,
  inject: async (run) => {
    const code = await (await busyProcess(run)).stop();
    if (code !== 0) run.remark(`a process that was asked to stop ended with ${code}`);
  },
  heal: startAll,
};

/** Everybody is on the process that dies: the others have no member and find the open talks by their sweep. */
export const nobodyNear: Fault = {
  name: 'two processes sweeping the same expiry',
  // A lease, and the time until the next sweep.
  lastsMs: LEASE_MS + SWEEP_MS + 1_000,
  recoversWithinMs: 4_000,
  inject: async (run) => {
    const [first] = run.world.slots;
    if (first === undefined) return;
    run.directTo([first]);
    for (const person of [...run.people, ...run.witnesses]) person.reset();
    await pause(1_500);
    run.directTo([]);
    await first.kill();
    for (const person of [...run.people, ...run.witnesses]) person.stayAway(true);
  },
  heal: async (run) => {
    await expectIdle(run);
    for (const person of [...run.people, ...run.witnesses]) person.stayAway(false);
    await startAll(run);
    run.directTo(null);
  },
};

async function expectIdle({ world, groups, remark }: Run): Promise<void> {
  const answer = await world
    .rest()
    .expect(200, 'GET', '/api/v1/admin/live?limit=100', { token: world.admin.accessToken });
  for (const { group, floor } of liveView.parse(answer).items) {
    const isOurs = groups.some(({ groupId }) => groupId === group.id);
    if (isOurs && floor.state === 'taken') remark(`nobody ended the talk of a dead process in ${group.id}`);
  }
  for (const { groupId } of groups) {
    const found = await world.redis.command(`SCARD presence:{${groupId}}`);
    if (found.trim() !== ':0') remark(`the people of a dead process are still present in ${groupId}`);
  }
}

/** Room for what a process has open already, and for a few sockets more. */
const SPARE_DESCRIPTORS = 4;
const SOCKETS = 60;
const DESCRIPTORS = 1_024;

export const descriptorsUsedUp: Fault = {
  name: 'file descriptors used up',
  lastsMs: 2_000,
  recoversWithinMs: 5_000,
  inject: async ({ world }) => {
    for (const { neda } of world.slots.slice(0, 1)) {
      const { stdout } = await promisify(execFile)('ls', [`/proc/${neda.process.pid}/fd`]);
      const open = stdout.trim().split('\n').length;
      await limitDescriptors(neda.process.pid, open + SPARE_DESCRIPTORS);
      const sockets = Array.from({ length: SOCKETS }, () => connect(neda.port, '127.0.0.1'));
      for (const socket of sockets) {
        socket.on('error', () => undefined);
        setTimeout(() => socket.destroy(), 2_000).unref();
      }
    }
  },
  heal: async ({ world }) => {
    for (const { neda } of world.slots.slice(0, 1)) await limitDescriptors(neda.process.pid, DESCRIPTORS);
  },
};

async function limitDescriptors(pid: number, most: number): Promise<void> {
  await promisify(execFile)('prlimit', [`--pid=${pid}`, `--nofile=${most}:`]);
}
