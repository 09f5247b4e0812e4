import { isDeepStrictEqual } from 'node:util';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectRedis, type RedisLinks, redisScript } from '../../src/infra/redis.ts';
import {
  emptyGroup,
  type FloorEvent,
  type FloorEventKind,
  type FloorInputs,
  type FloorMember,
  type FloorPolicy,
  type FloorStore,
  floorTimings,
  generationOf,
  type GroupState,
  parseEnvelope,
  type RequestInput,
  slotOf,
  step,
} from '../../src/realtime/floor/index.ts';
import { MemoryFloorStore } from '../../src/realtime/floor-memory/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../src/realtime/floor-redis/index.ts';
import { effort } from '../_support/effort.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

/**
 * The state machine, the Redis adapter and the in-process adapter are given the same commands at the same times, and
 * must answer, publish and note the same, byte for byte. The time is the test's: it stands in the scripts where they
 * ask Redis for it, so that a history plays the same again and can be made smaller. That the scripts take the time from
 * Redis is the business of floor-store.ts.
 */
const SEED = 20_240_601;
const RUNS = effort({ short: 300, long: 10_000 });
const TIMEOUT_MS = effort({ short: 600_000, long: 3_600_000 });
const MOST_COMMANDS = 40;
const keyPrefix = 'model:';
const START_MS = 1_700_000_000_000;
/** Longer than this in real time and a slot may be gone by its own time to live. */
const SLOT_IS_SURE_MS = 2_000;
/** Longer than a machine that has other things to do keeps Redis from answering. */
const SILENCE_MS = 15_000;

let redis: TestRedis;
let links: RedisLinks;

beforeAll(async () => {
  redis = await startRedis();
  links = await connectRedis(redis.url);
});
afterAll(async () => {
  await links.close();
  await redis[Symbol.asyncDispose]();
});

/** Short ids keep the hashes of Redis in the order of insertion, which is the order of the machine's maps. */
const connections = [
  { userId: 'u1', sessionId: 's1', role: 'member' },
  { userId: 'u1', sessionId: 's2', role: 'member' },
  { userId: 'u2', sessionId: 's3', role: 'member' },
  { userId: 'u3', sessionId: 's4', role: 'group_manager' },
] as const;

const policies: readonly FloorPolicy[] = [
  {
    maxTalkMs: 5_000,
    contendedTalkMs: 1_000,
    queueLimit: 2,
    cooldownMs: 3_000,
    managerPreempts: true,
    emergency: 'allowed',
  },
  {
    maxTalkMs: 3_000,
    contendedTalkMs: 0,
    queueLimit: 0,
    cooldownMs: 9_000,
    managerPreempts: false,
    emergency: 'allowed',
  },
  {
    maxTalkMs: 60_000,
    contendedTalkMs: 20_000,
    queueLimit: 2,
    cooldownMs: 0,
    managerPreempts: false,
    emergency: 'off',
  },
];

/** A step of the store; or time goes by; or the store begins a new life; or a process acts that has not noticed. */
type CommandKind = FloorEventKind | 'wait' | 'newLife' | 'outdated';

interface Command {
  readonly kind: CommandKind;
  readonly process: 0 | 1;
  readonly who: number;
  /** Which of the session's connections: an old one, or the newest. */
  readonly connection: number;
  /** Which of the requests so far, counted from the last. */
  readonly back: number;
  readonly flags: readonly [boolean, boolean, boolean];
  readonly policy: number;
  readonly choice: number;
}

const kinds: readonly { readonly weight: number; readonly kind: CommandKind }[] = [
  { weight: 12, kind: 'wait' },
  { weight: 6, kind: 'join' },
  { weight: 2, kind: 'leave' },
  { weight: 16, kind: 'request' },
  { weight: 7, kind: 'commit' },
  { weight: 2, kind: 'cancel' },
  { weight: 4, kind: 'release' },
  { weight: 1, kind: 'end' },
  { weight: 2, kind: 'withdrawRight' },
  { weight: 1, kind: 'rightsCleared' },
  { weight: 4, kind: 'renew' },
  { weight: 2, kind: 'settle' },
  { weight: 2, kind: 'snapshot' },
  { weight: 2, kind: 'publishers' },
  { weight: 1, kind: 'newLife' },
  { weight: 1, kind: 'outdated' },
];

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.oneof(...kinds.map(({ weight, kind }) => ({ weight, arbitrary: fc.constant(kind) }))),
  process: fc.constantFrom(0, 1),
  who: fc.nat(connections.length - 1),
  connection: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  policy: fc.constantFrom(0, 0, 1, 2),
  choice: fc.nat(9),
});

const nothing = { connection: 0, back: 0, flags: [false, false, false], policy: 0, choice: 0 } as const;
const everybodyJoins: readonly Command[] = connections.map((_, who) => ({
  ...nothing,
  kind: 'join',
  process: who % 2 ? 1 : 0,
  who,
}));
const press = { ...nothing, kind: 'request', process: 0, choice: 5 } as const;
const talks = (policy: number): Command => ({ ...press, who: 2, policy, flags: [true, false, false] });
const wait = (policy: number): Command[] =>
  [0, 1].map((who) => ({ ...press, who, policy, flags: [true, true, false] }) as const);
const reserves: Command = { ...press, who: 2, flags: [false, true, true] };
const commits: Command = { ...nothing, kind: 'commit', process: 0, who: 2 };
/** What takes a reservation away, and what its commit then is told. */
const voids: readonly Command[] = (
  [
    { kind: 'release', choice: 0 },
    { kind: 'leave', choice: 0 },
    { kind: 'withdrawRight', choice: 0 },
    { kind: 'end', choice: 0 },
    { kind: 'wait', choice: 9 },
  ] as const
).map((given) => ({ ...nothing, ...given, process: 0, who: 2 }));
/** So long that the process of the talker, which does not renew, is dead for the others. */
const otherProcessRenews: Command = {
  ...nothing,
  kind: 'wait',
  process: 1,
  who: 0,
  choice: 7,
  flags: [true, true, false],
};
/** Where a history begins when everybody is there. */
const starts: readonly (readonly Command[])[] = [
  [],
  [talks(0)],
  [talks(0), ...wait(0)],
  [
    ...[talks(0), ...wait(0)],
    { ...nothing, kind: 'release', process: 0, who: 2 },
    { ...nothing, kind: 'commit', process: 0, who: 0, back: 1 },
  ],
  [talks(2), ...wait(2), otherProcessRenews, otherProcessRenews, otherProcessRenews],
  [reserves],
  ...voids.map((given) => [reserves, given, commits]),
  // A new life meets a talk whose deadline has passed.
  [talks(0), { ...nothing, kind: 'wait', process: 0, who: 0, choice: 9 }, { ...press, kind: 'newLife', who: 0 }],
];

/** Ends what is due, so that the slot may be compared. */
const settleLast: Command = { ...nothing, kind: 'settle', process: 0, who: 0 };

/** Processes that live renew what they honour. */
function withRenewals(given: Command): readonly Command[] {
  if (given.kind !== 'wait' || !given.flags[0]) return [given];
  const renewals = ([0, 1] as const).map(
    (process) => ({ ...nothing, kind: 'renew', process, who: 0, choice: 2 }) as const,
  );
  return [given, ...renewals.filter(({ process }) => !given.flags[1] || process === given.process)];
}

/** What a run remembers to make its commands of. */
class Run {
  readonly groupId: string;
  readonly #requests: RequestInput[] = [];
  #position = { epoch: 0, seq: 0 };
  #dueInMs = 0;

  constructor(groupId: string) {
    this.groupId = groupId;
  }

  saw(answer: { epoch: number; seq: number; dueInMs: number | null }): void {
    if (answer.epoch > 0) this.#position = answer;
    this.#dueInMs = answer.dueInMs ?? 0;
  }

  /**
   * So long goes by: to the moment when something is due, just before or after it, or any time. While the processes
   * live it is less than what they renew after.
   */
  waitMs({ choice, back, flags: [areAlive] }: Command): number {
    const times = [this.#dueInMs, this.#dueInMs - 1, this.#dueInMs + 1, 1, 50, 400, 1_000, 1_900, 2_500, 6_000];
    const ms = Math.max(0, times[choice] ?? 0) + back;
    return areAlive ? Math.min(ms, floorTimings.renewMs) : ms;
  }

  event(kind: FloorEventKind, given: Command): FloorEvent<FloorEventKind> {
    return { kind, input: this.#inputs(given)[kind]() };
  }

  #inputs(given: Command): { [K in FloorEventKind]: () => FloorInputs[K] } {
    const { groupId } = this;
    const [first, second, third] = given.flags;
    const member = memberOf(given);
    const { sessionId, connectionId, userId } = member;
    const policy = policies[given.policy];
    if (policy === undefined) throw new Error('A policy is needed');
    const named = this.#requests.at(-1 - given.back);
    const talkId = named?.talkId ?? 't0';
    const token = named?.token ?? 'k0';
    const since = first ? { ...this.#position, seq: this.#position.seq - given.choice } : null;
    return {
      join: () => ({ groupId, member, voiceSessionId: `v${given.choice}`, since, again: first && second }),
      leave: () => ({
        groupId,
        sessionId,
        connectionId,
        how: (['left', 'closed', 'replaced'] as const)[given.choice % 3] ?? 'left',
      }),
      request: () => this.#request(given, member, policy),
      commit: () => ({ groupId, talkId, token, policy }),
      cancel: () => ({
        groupId,
        talkId,
        token,
        silenced: second ? 'media_failed' : third ? 'preempted' : null,
        rightGiven: first,
      }),
      release: () => ({ groupId, sessionId, connectionId, talkId: first ? talkId : null }),
      end: () => ({ groupId, talkId: first ? talkId : null, cause: second ? 'revoked' : 'media_failed' }),
      withdrawRight: () => ({
        groupId,
        userId,
        sessionId: first ? sessionId : null,
        right: second ? 'member' : 'talk',
      }),
      rightsCleared: () => ({
        groupId,
        identities: first ? [`i${sessionId}`] : connections.map((each) => `i${each.sessionId}`),
      }),
      renew: () => ({
        groupId,
        honouredTalkIds: third ? [] : this.#requests.map((request) => request.talkId),
        members: given.choice % 4,
      }),
      settle: () => ({ groupId }),
      snapshot: () => ({ groupId, since }),
      publishers: () => ({ groupId }),
    };
  }

  #request(given: Command, member: FloorMember, policy: FloorPolicy): RequestInput {
    const [oneStep, queue, second] = given.flags;
    const number = this.#requests.length + 1;
    const input: RequestInput = {
      groupId: this.groupId,
      member,
      talkId: `t${number}`,
      token: `k${number}`,
      streamId: number,
      identity: second ? `i${member.sessionId}` : null,
      queue,
      emergency: given.choice < 3,
      oneStep,
      policy,
    };
    this.#requests.push(input);
    return input;
  }
}

function memberOf({ who, connection, choice }: Command): FloorMember {
  const { userId, sessionId, role } = connections[who] ?? connections[0];
  const displayName = `N${who}`;
  const talk = choice === 9 ? 'listen_only' : 'allowed';
  return { userId, sessionId, role, displayName, talk, connectionId: `${sessionId}c${connection}` };
}

const steps: { readonly [K in FloorEventKind]: (store: FloorStore, input: FloorInputs[K]) => Promise<unknown> } = {
  join: (store, input) => store.join(input),
  leave: (store, input) => store.leave(input),
  request: (store, input) => store.request(input),
  commit: (store, input) => store.commit(input),
  cancel: (store, input) => store.cancel(input),
  release: (store, input) => store.release(input),
  end: (store, input) => store.end(input),
  withdrawRight: (store, input) => store.withdrawRight(input),
  rightsCleared: (store, input) => store.rightsCleared(input),
  renew: (store, input) => store.renew(input),
  settle: (store, input) => store.settle(input),
  snapshot: (store, input) => store.snapshot(input),
  publishers: (store, input) => store.publishers(input),
};

function perform<K extends FloorEventKind>(store: FloorStore, event: FloorEvent<K>): Promise<unknown> {
  const take: (store: FloorStore, input: FloorInputs[K]) => Promise<unknown> = steps[event.kind];
  return take(store, event.input);
}

/** A set of Redis has no order. */
function comparable(answer: unknown): unknown {
  if (typeof answer !== 'object' || answer === null || !('withdraw' in answer)) return null;
  const withdraw = Array.isArray(answer.withdraw) ? answer.withdraw.map(String).toSorted() : answer.withdraw;
  return { ...answer, withdraw };
}

/** What of a step is worth to be told of: its answer, and what it published. */
function traits(event: FloorEvent<FloorEventKind>, answer: object, published: readonly string[]): string[] {
  const found: string[] = [];
  const told = 'status' in answer ? `${event.kind} ${String(answer.status)}` : event.kind;
  found.push('cause' in answer ? `${told} ${String(answer.cause)}` : told);
  if (event.kind === 'request' && 'silence' in answer && answer.silence !== null)
    found.push('request prepared beside a talk');
  if (event.kind === 'release' && 'released' in answer) found.push(`release ${String(answer.released)}`);
  if (event.kind === 'renew' && 'known' in answer) found.push(`renew known ${String(answer.known)}`);
  if ('missed' in answer) found.push(answer.missed === null ? 'not recovered' : 'recovered');
  const ends: string[] = [];
  for (const payload of published) {
    const envelope = parseEnvelope(payload);
    if (envelope?.kind === 'ended') ends.push(`ended ${envelope.cause}`);
    else if (envelope?.kind === 'queue_failed') found.push(`queue_failed ${envelope.cause}`);
    else found.push(envelope?.kind ?? 'unknown');
  }
  found.push(...ends);
  if (ends.length > 0 && found.includes('handover')) found.push(`handover after ${String(ends.at(-1))}`);
  return found;
}

/** Everything that the state table knows must have happened. */
const table = [
  'request granted',
  'request repeated',
  'request prepared',
  'request prepared beside a talk',
  'request in_progress',
  'request queued',
  'request busy',
  'request queue_full',
  'request cooldown',
  'request quiet',
  'request listen_only',
  'request not_joined',
  'commit granted',
  'commit refused void',
  'commit refused released',
  'commit refused not_joined',
  'commit refused listen_only',
  'commit refused busy',
  'release true',
  'release false',
  'renew known true',
  'renew known false',
  'recovered',
  'not recovered',
  'outdated process refused',
  'new life',
  'new life over an open talk',
  'ended released',
  'ended too_long',
  'ended preempted',
  'ended revoked',
  'ended lost',
  'ended removed',
  'ended expired',
  'ended media_failed',
  'handover after ended released',
  'handover after ended too_long',
  'handover after ended expired',
  'queue_failed listen_only',
  'queue_failed cooldown',
  'presence',
  'queue',
  'closed',
];

/** Gives the scripts the time of the test, and lets a request live as long as that stands still. */
function atTimeOf(clock: { nowMs: number }): RedisLinks {
  const scripts = new Map<string, ReturnType<typeof redisScript>>();
  const asked = "local clock = call('TIME')";
  return {
    ...links,
    async run(silenceMs, script, keys, args) {
      if (!script.lua.includes(asked)) throw new Error('The scripts take the time in another way');
      const timed =
        scripts.get(script.sha) ??
        redisScript(script.lua.replace(asked, 'local clock = { ARGV[#ARGV - 1], ARGV[#ARGV] }'));
      scripts.set(script.sha, timed);
      const time = [Math.floor(clock.nowMs / 1_000), (clock.nowMs % 1_000) * 1_000];
      return links.run(Math.max(silenceMs, SILENCE_MS), timed, keys, [
        ...args.slice(0, 4),
        0,
        ...args.slice(5),
        ...time,
      ]);
    },
  };
}

/** The order of a set has no meaning. */
function expectSame(kind: string, actual: unknown, expected: unknown): void {
  const [one, other] = [comparable(actual), comparable(expected)];
  if (!isDeepStrictEqual(one, other)) expect(one, kind).toEqual(other);
}

describe('the state machine, Redis and the in-process store', () => {
  test(`answer, publish and note the same in ${RUNS} histories`, { timeout: TIMEOUT_MS }, async () => {
    const clock = { nowMs: START_MS };
    const life = { generation: 1, quietUntilMs: 0 };
    const timed = atTimeOf(clock);
    const openRedis = (processId: string): RedisFloorStore =>
      new RedisFloorStore({ links: timed, keyPrefix, processId, life: () => life });
    const processes = [openRedis('p1'), openRedis('p2')] as const;
    const alone = openRedis('process');
    const seen = new Map<string, number>();
    const count = (trait: string): void => void seen.set(trait, (seen.get(trait) ?? 0) + 1);
    const seed = effort({ short: SEED, long: Date.now() % 2 ** 31 });
    let runs = 0;
    let commandsTaken = 0;

    async function play(isAlone: boolean, start: readonly Command[], commands: readonly Command[]): Promise<void> {
      runs += 1;
      const run = new Run(`g${runs}`);
      const startedAtMs = performance.now();
      clock.nowMs = START_MS;
      Object.assign(life, { generation: 1, quietUntilMs: 0 });
      const heard: string[] = [];
      const memory = new MemoryFloorStore({
        publish: (_groupId, payload) => void heard.push(payload),
        generation: 1,
        now: () => clock.nowMs,
      });
      const noted: unknown[] = [];
      let state: GroupState = emptyGroup;
      for (const given of [...everybodyJoins, ...[...start, ...commands].flatMap(withRenewals), settleLast]) {
        commandsTaken += 1;
        const store = isAlone ? alone : processes[given.process];
        if (given.kind === 'wait') {
          clock.nowMs += run.waitMs(given);
          continue;
        }
        if (given.kind === 'newLife') {
          // The in-process store has one life only.
          if (isAlone) continue;
          count(state.talk === null ? 'new life' : 'new life over an open talk');
          life.generation += 1;
          life.quietUntilMs = given.flags[0] ? clock.nowMs + floorTimings.leaseMs : 0;
        }
        if (given.kind === 'outdated') {
          if (isAlone || life.generation === 1 || generationOf(state.life?.epoch ?? 0) !== life.generation) continue;
          life.generation -= 1;
          await expect(store.settle({ groupId: run.groupId })).rejects.toThrow('newer generation');
          life.generation += 1;
          count('outdated process refused');
          continue;
        }
        const event = run.event(given.kind === 'newLife' ? 'settle' : given.kind, given);
        const processId = isAlone ? 'process' : given.process === 0 ? 'p1' : 'p2';
        const answer = await perform(store, event);
        const expected = step(state, event, clock.nowMs, { processId, ...life, timings: floorTimings });
        if (state.life !== null && expected.state.life === null) count('closed');
        state = expected.state;
        noted.push(...expected.effects.history);
        if (event.kind !== 'rightsCleared') expectSame(event.kind, answer, expected.answer);
        if (isAlone) {
          heard.length = 0;
          const own = await perform(memory, event);
          if (event.kind !== 'rightsCleared') expectSame(`${event.kind} in memory`, own, expected.answer);
          expect(heard).toEqual(expected.effects.published);
        }
        for (const trait of traits(event, expected.answer, expected.effects.published)) count(trait);
        run.saw(expected.answer);
      }
      const slotKey = `${keyPrefix}speaker:{${run.groupId}}`;
      const slot = await links.send(5_000, slotKey, (client) => client.get(slotKey));
      const isSure = performance.now() - startedAtMs < SLOT_IS_SURE_MS;
      if (isSure || slot !== null) expect(slot).toBe(slotOf(state, clock.nowMs)?.userId ?? null);
      const history = new RedisHistorySource(links, keyPrefix);
      history.touched(run.groupId);
      const entries = (await history.pending(1_000)).filter((entry) => entry.groupId === run.groupId);
      expect(entries.map((entry) => entry.record)).toEqual(noted);
      await history.confirm(entries);
    }

    const startedAtMs = performance.now();
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.constantFrom(...starts),
        fc.array(command, { minLength: 1, maxLength: MOST_COMMANDS, size: 'max' }),
        play,
      ),
      { seed, numRuns: RUNS },
    );
    const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(1);
    const traitsSeen = [...seen].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([trait, times]) => `${trait} ${times}`);
    process.stdout.write(
      `model: seed ${seed}, ${runs} histories, ${commandsTaken} commands, ${seconds} s\n${traitsSeen.join(', ')}\n`,
    );
    expect(table.filter((trait) => !seen.has(trait))).toEqual([]);
  });
});
