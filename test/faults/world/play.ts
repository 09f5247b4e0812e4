import { setTimeout as pause } from 'node:timers/promises';
import { effort } from '../../_support/effort.ts';
import { until } from '../../_support/until.ts';
import type { ServerMessage } from '../../_support/wire.ts';
import { checkHistory, type Verdict } from '../checker/check.ts';
import type { Circumstances, ConnectionRecord, History, StoredTalk } from '../checker/history.ts';
import { comeBack, live, usualHabits } from './habits.ts';
import { findLeaks } from './leaks.ts';
import { makeGroups, makePeople } from './people.ts';
import type { Person } from './person.ts';
import { Random } from './random.ts';
import type { Fault, Run, RunGroup } from './run.ts';
import type { ServerSlot } from './server-slot.ts';
import type { World } from './world.ts';

const WARM_UP_MS = effort({ short: 700, long: 1_000 });
const COOL_DOWN_MS = effort({ short: 300, long: 700 });
const CALM_LIMIT_MS = 20_000;
/** Longer than changes of presence are collected. */
const FLUSH_MS = 150;
const TALKS = new Set(['TALK_STARTED', 'TALK_GRANTED', 'TALK_ENDED']);
const RECORD_LIMIT_MS = 12_000;

export interface Played {
  readonly history: History;
  readonly verdict: Verdict;
  /** From the healing until every process had granted again. */
  readonly recoveredMs: number;
}

/** Lets people talk while the fault comes and goes, and checks what they saw and what was stored. */
export async function play(world: World, fault: Fault, options: { seed: number; people: number }): Promise<Played> {
  const random = new Random(options.seed);
  const connections: ConnectionRecord[] = [];
  const groups = await makeGroups(world, random);
  let targets: readonly ServerSlot[] | null = null;
  const choose = (): ServerSlot => {
    const up = (targets ?? world.slots).filter(({ isUp }) => isUp);
    return random.pick(up.length === 0 ? world.slots : up);
  };
  const { people, witnesses } = await makePeople(world, {
    count: options.people,
    groups,
    choose,
    record: (connection) => connections.push(connection),
  });
  const startedAtMs = performance.now();
  const log = new CircumstanceLog();
  const run: Run = {
    world,
    connections,
    random: random.fork(1),
    groups,
    people,
    witnesses,
    nothingGranted: (process = null) => log.forbid(process),
    granting: () => log.permit(),
    revoked: (groupId) => log.revoked.push({ atMs: performance.now(), groupId }),
    removed: (by) => log.removed.push({ atMs: performance.now(), ...by }),
    remark: (text) => log.remarks.push(text),
    directTo: (slots) => {
      targets = slots;
    },
  };

  const stop = new AbortController();
  const { signal } = stop;
  const lives = [
    ...people.map((person, index) =>
      live(person, {
        random: random.fork(10 + index),
        habits: { ...usualHabits, ...fault.habits },
        mostTalkMs: 500,
        signal,
      }),
    ),
    ...witnesses.map((witness, index) => beThere(witness, random.fork(100 + index), signal)),
  ];
  let recoveredMs = Number.POSITIVE_INFINITY;
  try {
    await pause(WARM_UP_MS);
    await fault.inject(run);
    await pause(fault.lastsMs);
    await fault.heal(run);
    recoveredMs = await recover(witnesses, groups.at(-1)?.groupId ?? '', fault.recoversWithinMs);
    if (recoveredMs === Number.POSITIVE_INFINITY) {
      run.remark(`a process granted nothing for ${fault.recoversWithinMs} ms after the healing`);
    }
    await pause(COOL_DOWN_MS);
  } finally {
    stop.abort();
    await Promise.all(lives);
  }
  const everybody = [...people, ...witnesses];
  await calm(everybody, groups);
  const last = await lastSnapshots(everybody, witnesses, groups);
  const history: History = {
    // What ends now ends because the run is over.
    connections: structuredClone(connections),
    groups: groups.map((group) => ({ ...group, last: last.get(group.groupId) ?? [] })),
    stored: await storedTalks(world, groups, connections),
    circumstances: {
      mayEnd: fault.mayEnd ?? [],
      storeWasLost: fault.losesStore === true,
      answerLimitMs: fault.answerLimitMs ?? 8_000,
      processAway: world.slots.flatMap(({ index, away }) =>
        away.filter(({ toMs }) => toMs >= startedAtMs).map((span) => ({ process: index, ...span })),
      ),
      ...log.circumstances,
    },
    leaks: [],
  };
  await Promise.all(everybody.map((person) => person.leaveForGood()));
  const leaks = [...log.remarks, ...endedByThemselves(world), ...(await findLeaks(world, groups))];
  const whole = { ...history, leaks };
  return { history: whole, verdict: checkHistory(whole), recoveredMs };
}

/** Processes that nobody stopped and that run no more, with what they said last. */
function endedByThemselves(world: World): string[] {
  return world.slots
    .filter((slot) => slot.isUp && !slot.neda.process.running)
    .map(({ index, neda }) => `process ${index} ended by itself: ${neda.process.output.slice(-3_000)}`);
}

/** What the run knows of itself. */
class CircumstanceLog {
  readonly revoked: { atMs: number; groupId: string }[] = [];
  readonly removed: { atMs: number; groupId: string | null; userId: string | null }[] = [];
  readonly remarks: string[] = [];
  readonly #forbidden: { process: number | null; fromMs: number; toMs: number }[] = [];

  forbid(process: number | null): void {
    this.#forbidden.push({ process, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY });
  }

  permit(): void {
    for (const span of this.#forbidden) span.toMs = Math.min(span.toMs, performance.now());
  }

  get circumstances(): Pick<Circumstances, 'nothingGranted' | 'revoked' | 'removed'> {
    return { nothingGranted: this.#forbidden, revoked: this.revoked, removed: this.removed };
  }
}

async function beThere(witness: Person, random: Random, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !witness.isOut) {
    if (await comeBack(witness, random)) await pause(50);
  }
}

/** Milliseconds until each process gave or refused the floor as one that can give it; infinite beyond the limit. */
async function recover(witnesses: readonly Person[], groupId: string, limitMs: number): Promise<number> {
  const startedAtMs = performance.now();
  const grants = async (witness: Person): Promise<boolean> => {
    const answer = witness.isThere ? await witness.ask('REQUEST_TALK', { groupId }) : null;
    const isGranted = answer?.type === 'TALK_GRANTED';
    if (isGranted) await witness.ask('RELEASE_TALK', { groupId });
    return isGranted || answer?.cause === 'busy';
  };
  const times = witnesses.map(async (witness) => {
    try {
      await until(() => grants(witness), { limitMs, everyMs: 50, describe: () => 'the process grants again' });
      return performance.now() - startedAtMs;
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  });
  return Math.max(...(await Promise.all(times)));
}

/** Everybody comes back and lets go. */
async function calm(everybody: readonly Person[], groups: readonly RunGroup[]): Promise<void> {
  const random = new Random(1);
  const endsAtMs = performance.now() + CALM_LIMIT_MS;
  await Promise.all(
    everybody.map(async (person) => {
      while (!person.isOut && !person.isThere && performance.now() < endsAtMs) await comeBack(person, random);
    }),
  );
  for (let round = 0; round < 2; round += 1) {
    for (const { groupId } of groups) {
      await Promise.all(
        everybody.filter(({ joined }) => joined.has(groupId)).map((person) => person.ask('RELEASE_TALK', { groupId })),
      );
    }
  }
}

/** What each process says of each group when all that live have heard everything; or what it says after long. */
async function lastSnapshots(
  everybody: readonly Person[],
  witnesses: readonly Person[],
  groups: readonly RunGroup[],
): Promise<ReadonlyMap<string, readonly ServerMessage[]>> {
  const last = new Map<string, ServerMessage[]>();
  let lastSeen = '';
  const look = async (): Promise<boolean> => {
    let isQuiet = true;
    for (const { groupId, isDeleted } of groups) {
      if (isDeleted) continue;
      const answers: ServerMessage[] = [];
      for (const witness of witnesses) {
        const answer = witness.joined.has(groupId) ? await witness.ask('JOIN_GROUP', { groupId }) : null;
        if (answer?.type === 'GROUP_JOINED') answers.push(answer);
      }
      last.set(groupId, answers);
      const [first] = answers;
      const isSame = everybody.every(
        (person) => !person.joined.has(groupId) || person.position(groupId)?.seq === first?.seq,
      );
      isQuiet &&= isSame && first?.floor?.state === 'idle' && answers.every(({ seq }) => seq === first.seq);
    }
    // Presence that changed just now is announced a moment later.
    const seen = JSON.stringify([...last.values()].map(([first]) => [first?.seq, first?.presenceCount]));
    const isStill = seen === lastSeen;
    lastSeen = seen;
    return isQuiet && isStill;
  };
  try {
    await until(look, { limitMs: CALM_LIMIT_MS, everyMs: FLUSH_MS, describe: () => 'everybody has heard everything' });
  } catch {
    // the checker says who sees what
  }
  return last;
}

/** The rows, when each announced talk has one, or those there are after long. */
async function storedTalks(
  world: World,
  groups: readonly RunGroup[],
  connections: readonly ConnectionRecord[],
): Promise<StoredTalk[]> {
  const announced = new Set(
    connections.flatMap(({ received }) =>
      received.filter(({ message }) => TALKS.has(message.type)).map(({ message }) => message.talkId),
    ),
  );
  let stored: StoredTalk[] = [];
  const isComplete = async (): Promise<boolean> => {
    stored = (await Promise.all(groups.map(({ groupId }) => world.storedTalks(groupId)))).flat();
    const rows = new Set<string | undefined>(stored.map(({ talkId }) => talkId));
    return [...announced].every((talkId) => rows.has(talkId));
  };
  try {
    await until(isComplete, {
      limitMs: RECORD_LIMIT_MS,
      everyMs: 100,
      describe: () => 'all are stored',
    });
  } catch {
    // the checker says which are missing
  }
  return stored;
}
