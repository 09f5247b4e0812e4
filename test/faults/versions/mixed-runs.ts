import { setTimeout as pause } from 'node:timers/promises';
import { effort } from '../../_support/effort.ts';
import type { Fault, Run } from '../world/run.ts';
import type { ServerSlot } from '../world/server-slot.ts';

const CALM_MS = effort({ short: 2_000, long: 5_000 });

/** Waits until somebody talks by this process, so that its end comes in the middle of a talk. */
async function untilBusy({ people }: Run, slot: ServerSlot): Promise<void> {
  for (let look = 0; look < 100; look += 1) {
    if (people.some(({ process, holding }) => process === slot.index && holding.size > 0)) return;
    await pause(20);
  }
}

/** Each process is stopped in the middle of a talk and comes back as the other release: one killed, one asked to end. */
async function swap(run: Run, nextRelease: string, killed: ServerSlot, ended: ServerSlot): Promise<void> {
  await untilBusy(run, killed);
  await killed.kill();
  await startAsOther(killed, nextRelease);
  await pause(CALM_MS);
  await untilBusy(run, ended);
  const code = await ended.stop();
  if (code !== 0) run.remark(`a process that was asked to stop ended with ${code}`);
  await startAsOther(ended, nextRelease);
}

async function startAsOther(slot: ServerSlot, nextRelease: string): Promise<void> {
  slot.repository = slot.repository === null ? nextRelease : null;
  await slot.start();
}

function release(run: Run, which: 'this' | 'next'): ServerSlot {
  const slot = run.world.slots.find(({ repository }) => (repository === null) === (which === 'this'));
  if (slot === undefined) throw new Error(`no process runs ${which} release`);
  return slot;
}

/** The runs follow one another in one world of two processes, one of each release. */
export function mixedRuns(nextRelease: () => string): readonly Fault[] {
  return [
    {
      name: 'both releases, side by side',
      lastsMs: CALM_MS,
      recoversWithinMs: 2_000,
      inject: () => undefined,
      heal: () => undefined,
    },
    {
      name: 'the next release is killed and rolled back, this one is upgraded',
      lastsMs: CALM_MS,
      recoversWithinMs: 4_000,
      inject: (run) => swap(run, nextRelease(), release(run, 'next'), release(run, 'this')),
      heal: () => undefined,
    },
    {
      name: 'this release is killed and upgraded, the next one is rolled back',
      lastsMs: CALM_MS,
      recoversWithinMs: 4_000,
      inject: (run) => swap(run, nextRelease(), release(run, 'this'), release(run, 'next')),
      heal: () => undefined,
    },
  ];
}
