import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectRedis, type RedisLinks } from '../../src/infra/redis.ts';
import {
  emptyGroup,
  type FloorEvent,
  type FloorEventKind,
  type FloorInputs,
  type FloorMember,
  type FloorPolicy,
  type FloorStore,
  type FloorTimings,
  type GroupState,
  parseEnvelope,
  type RequestInput,
  slotOf,
  step,
} from '../../src/realtime/floor/index.ts';
import { RedisFloorStore, RedisHistorySource } from '../../src/realtime/floor-redis/index.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';

/**
 * The state machine and the Redis adapter are given the same commands at the same times (those of Redis), and must
 * answer and publish the same, byte for byte. Some runs have times so short that everything becomes due between the
 * commands, some times in which a queue can grow.
 */
const paces: readonly { readonly timings: FloorTimings; readonly limitFactor: number }[] = [
  {
    timings: { leaseMs: 9, renewMs: 3, graceMs: 4, pendingMs: 5, presenceFlushMs: 2, lingerMs: 6 },
    limitFactor: 1,
  },
  {
    timings: { leaseMs: 900, renewMs: 300, graceMs: 20, pendingMs: 100, presenceFlushMs: 5, lingerMs: 50 },
    limitFactor: 50,
  },
];
const processIds = ['p1', 'p2'] as const;
const keyPrefix = 'model:';
const RUNS = 60;
/** They take about 3 s; a machine that is busy with other tests takes longer. */
const TIMEOUT_MS = 60_000;
const COMMANDS = 60;

let redis: TestRedis;
let links: RedisLinks;
/** Redis time of the last script. */
let redisNowMs = 0;

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
  { maxTalkMs: 20, contendedTalkMs: 3, queueLimit: 2, cooldownMs: 4, managerPreempts: true, emergency: 'allowed' },
  { maxTalkMs: 4, contendedTalkMs: 0, queueLimit: 5, cooldownMs: 6, managerPreempts: false, emergency: 'allowed' },
  { maxTalkMs: 50, contendedTalkMs: 20, queueLimit: 0, cooldownMs: 0, managerPreempts: false, emergency: 'off' },
];

interface Command {
  readonly kind: FloorEventKind;
  readonly process: (typeof processIds)[number];
  readonly who: number;
  /** Which of the session's connections: an old one, or the newest. */
  readonly generation: number;
  /** Which of the requests so far, counted from the last. */
  readonly back: number;
  readonly flags: readonly [boolean, boolean, boolean];
  readonly policy: number;
  readonly choice: number;
}

const kinds: readonly { readonly weight: number; readonly kind: FloorEventKind }[] = [
  { weight: 7, kind: 'join' },
  { weight: 1, kind: 'leave' },
  { weight: 14, kind: 'request' },
  { weight: 6, kind: 'commit' },
  { weight: 1, kind: 'cancel' },
  { weight: 4, kind: 'release' },
  { weight: 1, kind: 'end' },
  { weight: 1, kind: 'withdrawRight' },
  { weight: 1, kind: 'rightsCleared' },
  { weight: 3, kind: 'renew' },
  { weight: 2, kind: 'settle' },
  { weight: 2, kind: 'snapshot' },
];

const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.oneof(...kinds.map(({ weight, kind }) => ({ weight, arbitrary: fc.constant(kind) }))),
  process: fc.constantFrom(...processIds),
  who: fc.nat(connections.length - 1),
  generation: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constant(1) }),
  back: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
  policy: fc.nat(policies.length - 1),
  choice: fc.nat(9),
});

const everybodyJoins: readonly Command[] = connections.map((_, who) => ({
  kind: 'join',
  process: processIds[who % 2 ? 1 : 0],
  who,
  generation: 0,
  back: 0,
  flags: [false, false, false],
  policy: 0,
  choice: 0,
}));

/** Ends what is due, as the slot is looked at by a clock that counts in finer steps than the state. */
const settleLast: Command = {
  kind: 'settle',
  process: processIds[0],
  who: 0,
  generation: 0,
  back: 0,
  flags: [false, false, false],
  policy: 0,
  choice: 0,
};

/** What a run remembers to make its commands of. */
class Run {
  readonly groupId: string;
  readonly #policies: readonly FloorPolicy[];
  readonly #requests: RequestInput[] = [];
  #position = { epoch: 0, seq: 0 };

  constructor(groupId: string, pace: number) {
    this.groupId = groupId;
    const factor = paces[pace]?.limitFactor ?? 1;
    this.#policies = policies.map((policy) => ({
      ...policy,
      maxTalkMs: policy.maxTalkMs * factor,
      contendedTalkMs: policy.contendedTalkMs * factor,
    }));
  }

  saw(position: { epoch: number; seq: number }): void {
    this.#position = position;
  }

  event(given: Command): FloorEvent<FloorEventKind> {
    return { kind: given.kind, input: this.#inputs(given)[given.kind]() };
  }

  #inputs(given: Command): { [K in FloorEventKind]: () => FloorInputs[K] } {
    const { groupId } = this;
    const [first, second, third] = given.flags;
    const member = memberOf(given);
    const { sessionId, connectionId, userId } = member;
    const policy = this.#policies[given.policy];
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
      cancel: () => ({ groupId, talkId, token, silenced: second ? 'media_failed' : third ? 'preempted' : null }),
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

function memberOf({ who, generation, choice }: Command): FloorMember {
  const { userId, sessionId, role } = connections[who] ?? connections[0];
  const displayName = `N${who}`;
  const talk = choice === 9 ? 'listen_only' : 'allowed';
  return { userId, sessionId, role, displayName, talk, connectionId: `${sessionId}c${generation}` };
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

test('the state machine and Redis answer and publish the same', { timeout: TIMEOUT_MS }, async () => {
  const timed: RedisLinks = {
    ...links,
    async run(silenceMs, script, keys, args) {
      const raw = await links.run(silenceMs, script, keys, args);
      if (Array.isArray(raw)) redisNowMs = Number(raw[3]);
      return raw;
    },
  };
  let generation = 1;
  const life = () => ({ generation, quietUntilMs: 0 });
  const stores = paces.map(
    ({ timings }) =>
      new Map(
        processIds.map((processId) => [
          processId,
          new RedisFloorStore({ links: timed, keyPrefix, processId, life, timings }),
        ]),
      ),
  );
  const seen = new Set<string>();
  let runs = 0;

  await fc.assert(
    fc.asyncProperty(
      fc.nat(paces.length - 1),
      fc.array(command, { minLength: COMMANDS, maxLength: COMMANDS, size: 'max' }),
      async (pace, commands) => {
        runs += 1;
        generation = 1;
        const run = new Run(`g${runs}`, pace);
        const noted: unknown[] = [];
        let state: GroupState = emptyGroup;
        for (const given of [...everybodyJoins, ...commands, settleLast]) {
          const store = stores[pace]?.get(given.process);
          const timings = paces[pace]?.timings;
          if (store === undefined || timings === undefined) throw new Error('A store is needed');
          if (given.kind === 'settle' && given.choice === 5) generation += 1;
          const event = run.event(given);
          const answer = await perform(store, event);
          const context = { processId: given.process, generation, quietUntilMs: 0, timings };
          const expected = step(state, event, redisNowMs, context);
          state = expected.state;
          noted.push(...expected.effects.history);
          for (const payload of expected.effects.published) {
            const envelope = parseEnvelope(payload);
            seen.add(envelope?.kind === 'ended' ? envelope.cause : String(envelope?.kind));
          }
          if (given.kind !== 'rightsCleared') expect(comparable(answer)).toEqual(comparable(expected.answer));
          if (expected.answer.epoch > 0) run.saw(expected.answer);
        }
        const slotKey = `${keyPrefix}speaker:{${run.groupId}}`;
        const slot = await links.send(5_000, slotKey, (client) => client.get(slotKey));
        if (slot !== null) expect(slot).toBe(slotOf(state, redisNowMs)?.userId);
        const history = new RedisHistorySource(links, keyPrefix);
        history.touched(run.groupId);
        const entries = (await history.pending(1_000)).filter((entry) => entry.groupId === run.groupId);
        expect(entries.map((entry) => entry.record)).toEqual(noted);
        await history.confirm(entries);
      },
    ),
    { seed: 20_240_601, numRuns: RUNS, endOnFailure: true },
  );

  // The commands reach far enough: what can be announced was.
  for (const kind of [
    'handover',
    'lost',
    'media_failed',
    'preempted',
    'presence',
    'queue',
    'released',
    'removed',
    'revoked',
    'started',
    'too_long',
  ]) {
    expect(seen).toContain(kind);
  }
});
