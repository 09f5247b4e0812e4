import { mkdir, writeFile } from 'node:fs/promises';
import { afterAll, expect, test } from 'vitest';
import { effort } from '../_support/effort.ts';
import { faults } from './injections/index.ts';
import { findKeys } from './world/leaks.ts';
import { type Played, play } from './world/play.ts';
import type { Fault } from './world/run.ts';
import { createWorld, type World } from './world/world.ts';

const SEED = Number(process.env['FAULT_SEED'] ?? 20_261);
const HISTORIES = Number(process.env['FAULT_HISTORIES'] ?? effort({ short: 1, long: 3 }));
const PEOPLE = effort({ short: 8, long: 14 });
const PROCESSES = effort({ short: 2, long: 3 });
const LIMIT_MS = 120_000;

/** One world for all faults while nothing is wrong with it. */
let world: World | null = null;

afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const tried = faults.filter(({ isShort }) => effort({ short: isShort === true, long: true }));

test.each(tried.map((fault) => [fault.name, fault] as const))('%s', { timeout: LIMIT_MS * HISTORIES }, (_name, fault) =>
  tryFault(fault),
);

async function tryFault(fault: Fault): Promise<void> {
  const all: Played[] = [];
  for (let history = 0; history < HISTORIES; history += 1) {
    const seed = SEED + history * 1_000;
    world ??= await createWorld({ processes: PROCESSES, seed });
    let played: Played;
    try {
      played = await play(world, fault, { seed, people: PEOPLE });
    } catch (error) {
      await leaveWorld();
      throw new Error(`the run with the seed ${seed} broke off`, { cause: error });
    }
    all.push(played);
    const { violations } = played.verdict;
    if (violations.length === 0) continue;
    await leaveWorld();
    const file = await keep(fault, seed, played);
    const lines = violations.slice(0, 20).map(({ rule, detail }) => `  ${rule}: ${detail}`);
    expect.fail(`seed ${seed}, history in ${file}, ${violations.length} violations:\n${lines.join('\n')}`);
  }
  console.log(summary(fault, all));
}

/** A group's live state lingers for a minute after the last member has left. */
const LINGER_LIMIT_MS = 75_000;

test.each(effort({ short: [], long: ['their live state'] }))(
  'nothing is left of any group in the end: %s',
  { timeout: 120_000 },
  async () => {
    if (world !== null) expect(await findKeys(world, LINGER_LIMIT_MS)).toEqual([]);
  },
);

/** Whatever went wrong must not reach the next fault. */
async function leaveWorld(): Promise<void> {
  const left = world;
  world = null;
  await left?.[Symbol.asyncDispose]();
}

async function keep(fault: Fault, seed: number, { history, verdict }: Played): Promise<string> {
  const file = `test-results/fault-${fault.name.replaceAll(/\W+/g, '-')}-${seed}.json`;
  await mkdir('test-results', { recursive: true });
  await writeFile(file, JSON.stringify({ fault: fault.name, seed, verdict, history }, null, 1));
  return file;
}

function summary(fault: Fault, all: readonly Played[]): string {
  const sum = (of: (played: Played) => number): number => all.reduce((total, played) => total + of(played), 0);
  const slowest = Math.max(...all.map(({ recoveredMs }) => recoveredMs));
  const open = sum(({ verdict }) => verdict.lostWithTheStore.open);
  const ended = sum(({ verdict }) => verdict.lostWithTheStore.ended);
  return [
    `fault: ${fault.name}`,
    `histories ${all.length}`,
    `events ${sum(({ verdict }) => verdict.events)}`,
    `talks ${sum(({ verdict }) => verdict.talks)}`,
    `messages ${sum(({ verdict }) => verdict.messages)}`,
    `violations ${sum(({ verdict }) => verdict.violations.length)}`,
    `recovered ≤ ${slowest.toFixed(0)} ms`,
    ...(fault.losesStore === true ? [`lost with the store: ${open} open, ${ended} ended talks`] : []),
    `seed ${SEED}`,
  ].join(' · ');
}
