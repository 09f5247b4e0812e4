import { v7 as uuid } from 'uuid';
import { expect } from 'vitest';
import {
  type EndCause,
  type Envelope,
  type FloorHistorySource,
  type FloorMember,
  type FloorPolicy,
  type FloorStore,
  type FloorTimings,
  type HistoryEntry,
  type HistoryRecord,
  parseEnvelope,
  type RequestInput,
  type RequestOutcome,
} from '../../../src/realtime/floor/index.ts';
import { until } from '../../_support/until.ts';

/** One process's view of a live store, with all that its group channels carried. */
export interface StoreUnderTest {
  readonly store: FloorStore;
  /** Payloads published about a group since `watch`. */
  watch(groupId: string): Promise<readonly string[]>;
}

export interface StoreHarness {
  /** Another process on the same live store; the in-process store has only one. */
  open(processId: string): Promise<StoreUnderTest>;
  /** The user id in the slot of the group, and its time to live; null when the slot is free. */
  slot(groupId: string): Promise<{ userId: string; ttlMs: number } | null>;
  presence(groupId: string): Promise<readonly string[]>;
  /** Another look at what is noted for PostgreSQL. */
  readonly history: FloorHistorySource;
  readonly timings: FloorTimings;
  /** So much time goes by at once, for the store and for all that it keeps. */
  pass(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Long beside what any machine needs for a step: time goes by when a test lets it pass. */
export const testTimings: FloorTimings = {
  leaseMs: 20_000,
  renewMs: 5_000,
  graceMs: 10_000,
  pendingMs: 12_500,
  presenceFlushMs: 1_000,
  lingerMs: 25_000,
};

export const policy: FloorPolicy = {
  maxTalkMs: 60_000,
  contendedTalkMs: 20_000,
  queueLimit: 10,
  cooldownMs: 100_000,
  managerPreempts: false,
  emergency: 'allowed',
};

export function person(name: string, overrides: Partial<FloorMember> = {}): FloorMember {
  return {
    userId: uuid(),
    sessionId: uuid(),
    connectionId: uuid(),
    displayName: name,
    role: 'member',
    talk: 'allowed',
    ...overrides,
  };
}

export function joinOf(groupId: string, member: FloorMember, since: { epoch: number; seq: number } | null = null) {
  return { groupId, member, voiceSessionId: uuid(), since };
}

export function press(groupId: string, member: FloorMember, overrides: Partial<RequestInput> = {}): RequestInput {
  return {
    groupId,
    member,
    talkId: uuid(),
    token: uuid(),
    streamId: 7,
    identity: null,
    queue: false,
    emergency: false,
    oneStep: true,
    policy,
    ...overrides,
  };
}

export function commitOf({ groupId, talkId, token }: RequestInput) {
  return { groupId, talkId, token, policy };
}

export function ofMember(member: FloorMember) {
  return { sessionId: member.sessionId, connectionId: member.connectionId };
}

export function expectStatus<S extends RequestOutcome['status']>(
  outcome: RequestOutcome,
  status: S,
): Extract<RequestOutcome, { status: S }> {
  if (!hasStatus(outcome, status)) throw new Error(`The request was answered ${outcome.status}, not ${status}`);
  return outcome;
}

function hasStatus<S extends RequestOutcome['status']>(
  outcome: RequestOutcome,
  status: S,
): outcome is Extract<RequestOutcome, { status: S }> {
  return outcome.status === status;
}

export function kinds(payloads: readonly string[]): string[] {
  return payloads.map((payload) => {
    const envelope = parseEnvelope(payload);
    if (envelope?.kind === 'ended') return `ended ${envelope.cause}`;
    return envelope?.kind ?? 'unknown';
  });
}

export function withoutPresence(payloads: readonly string[]): string[] {
  return kinds(payloads).filter((kind) => kind !== 'presence');
}

export function envelopes(payloads: readonly string[]): Envelope[] {
  return payloads.map(parseEnvelope).filter((envelope) => envelope !== null);
}

/** How the talk of a scene ended: as announced in these payloads, and the same in its record. */
export async function endOf(
  scene: Scene,
  published: readonly string[],
): Promise<{ cause: EndCause; durationMs: number }> {
  const ended = envelopes(published).find((each) => each.kind === 'ended');
  const record = (await scene.recordsOf(scene.groupId)).find(({ kind }) => kind === 'talk');
  if (ended?.kind !== 'ended' || record?.kind !== 'talk') throw new Error('No talk has ended');
  const { cause, durationMs } = ended;
  expect(ended.bytes).toContain(`"durationMs":${durationMs}`);
  expect({ cause: record.cause, durationMs: record.endMs - record.startMs }).toEqual({ cause, durationMs });
  return { cause, durationMs };
}

/** More than can be due one after the other. */
const MOST_STEPS = 50;

interface OpenScene {
  readonly harness: StoreHarness;
  readonly here: StoreUnderTest;
  readonly there: StoreUnderTest;
  readonly heard: readonly string[];
}

/** Two processes on one live store, one group, and what its channel carried: what each test stands on. */
export class Scene {
  readonly processes: 1 | 2;
  readonly #createHarness: () => Promise<StoreHarness>;
  #set: OpenScene | null = null;
  groupId = '';

  constructor(createHarness: () => Promise<StoreHarness>, processes: 1 | 2) {
    this.#createHarness = createHarness;
    this.processes = processes;
  }

  async open(): Promise<void> {
    const harness = await this.#createHarness();
    const here = await harness.open('here');
    const there = this.processes === 2 ? await harness.open('there') : here;
    this.groupId = uuid();
    this.#set = { harness, here, there, heard: await there.watch(this.groupId) };
  }

  async close(): Promise<void> {
    await this.#set?.harness.close();
    this.#set = null;
  }

  get harness(): StoreHarness {
    return this.#opened.harness;
  }

  get here(): StoreUnderTest {
    return this.#opened.here;
  }

  /** The other process; the same one where there is only one. */
  get there(): StoreUnderTest {
    return this.#opened.there;
  }

  get heard(): readonly string[] {
    return this.#opened.heard;
  }

  /** Members of the process `here`. */
  async present(...names: string[]): Promise<FloorMember[]> {
    const members = names.map((each) => person(each));
    for (const member of members) await this.here.store.join(joinOf(this.groupId, member));
    return members;
  }

  /** Alice of the process `here`, and Bob of the process `there`. */
  async pair(): Promise<[FloorMember, FloorMember]> {
    const alice = person('Alice');
    const bob = person('Bob');
    await this.here.store.join(joinOf(this.groupId, alice));
    await this.there.store.join(joinOf(this.groupId, bob));
    return [alice, bob];
  }

  get timings(): FloorTimings {
    return this.harness.timings;
  }

  /** So long nobody looks at the group: what is due meanwhile is found late. */
  pass(ms: number): Promise<void> {
    return this.harness.pass(ms);
  }

  /** Lets time go on to what is due next, and settles it, until the condition holds. */
  async settleUntil(store: FloorStore, condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let step = 0; step < MOST_STEPS; step += 1) {
      const { published, dueInMs } = await store.settle({ groupId: this.groupId });
      await until(() => published.every((payload) => this.heard.includes(payload)), {
        limitMs: 15_000,
        describe: () => 'what was published is heard',
      });
      if (await condition()) return;
      await this.pass(Math.max(1, dueInMs ?? this.timings.renewMs));
    }
    throw new Error(`What is due has been done ${MOST_STEPS} times, and the condition does not hold`);
  }

  /** Until a change of presence was announced after which so many are there. */
  async untilPresent(count: number): Promise<void> {
    const end = `"presenceCount":${count}}`;
    await this.settleUntil(this.here.store, () =>
      envelopes(this.heard).some((each) => each.kind === 'presence' && each.bytes.endsWith(end)),
    );
  }

  async entriesOf(groupId: string): Promise<readonly HistoryEntry[]> {
    const entries = await this.harness.history.pending(10_000);
    return entries.filter((entry) => entry.groupId === groupId);
  }

  async recordsOf(groupId: string): Promise<readonly HistoryRecord[]> {
    return (await this.entriesOf(groupId)).map((entry) => entry.record);
  }

  get #opened(): OpenScene {
    if (this.#set === null) throw new Error('The scene is not open');
    return this.#set;
  }
}
