import { v7 as uuid } from 'uuid';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  EVENT_LOG_LENGTH,
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
} from '../../src/realtime/floor/index.ts';

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
  close(): Promise<void>;
}

/** Short, so that a test waits for what is due and never sleeps. */
export const testTimings: FloorTimings = {
  leaseMs: 400,
  renewMs: 100,
  graceMs: 200,
  pendingMs: 250,
  presenceFlushMs: 20,
  lingerMs: 500,
};

const policy: FloorPolicy = {
  maxTalkMs: 60_000,
  contendedTalkMs: 20_000,
  queueLimit: 10,
  cooldownMs: 2_000,
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

function joinOf(groupId: string, member: FloorMember, since: { epoch: number; seq: number } | null = null) {
  return { groupId, member, voiceSessionId: uuid(), since };
}

function press(groupId: string, member: FloorMember, overrides: Partial<RequestInput> = {}): RequestInput {
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

function commitOf({ groupId, talkId, token }: RequestInput) {
  return { groupId, talkId, token, policy };
}

function ofMember(member: FloorMember) {
  return { sessionId: member.sessionId, connectionId: member.connectionId };
}

function expectStatus<S extends RequestOutcome['status']>(
  outcome: RequestOutcome,
  status: S,
): Extract<RequestOutcome, { status: S }> {
  expect(outcome.status).toBe(status);
  if (outcome.status !== status) throw new Error(`The request was answered ${outcome.status}`);
  return outcome as Extract<RequestOutcome, { status: S }>;
}

function kinds(payloads: readonly string[]): string[] {
  return payloads.map((payload) => {
    const envelope = parseEnvelope(payload);
    if (envelope?.kind === 'ended') return `ended ${envelope.cause}`;
    return envelope?.kind ?? 'unknown';
  });
}

function withoutPresence(payloads: readonly string[]): string[] {
  return kinds(payloads).filter((kind) => kind !== 'presence');
}

function envelopes(payloads: readonly string[]): Envelope[] {
  return payloads.map(parseEnvelope).filter((envelope) => envelope !== null);
}

/** Settles until the condition holds: time is the store's, the test only asks it to look. */
async function settleUntil(store: FloorStore, groupId: string, condition: () => boolean | Promise<boolean>) {
  await expect
    .poll(
      async () => {
        await store.settle({ groupId });
        return condition();
      },
      { interval: 10, timeout: 3_000 },
    )
    .toBe(true);
}

/** What every live store must do (floor.md), whichever adapter stands behind the port. */
export function describeFloorStore(name: string, createHarness: () => Promise<StoreHarness>, processes: 1 | 2): void {
  describe(`floor store: ${name}`, () => {
    let harness: StoreHarness;
    let here: StoreUnderTest;
    let there: StoreUnderTest;
    let groupId: string;
    let heard: readonly string[];

    beforeEach(async () => {
      harness = await createHarness();
      here = await harness.open('here');
      there = processes === 2 ? await harness.open('there') : here;
      groupId = uuid();
      heard = await there.watch(groupId);
    });
    afterEach(() => harness.close());

    async function present(...names: string[]): Promise<FloorMember[]> {
      const members = names.map((each) => person(each));
      for (const member of members) await here.store.join(joinOf(groupId, member));
      return members;
    }

    /** Until a change of presence was announced after which so many are there. */
    async function untilPresent(count: number): Promise<void> {
      const end = `"presenceCount":${count}}`;
      await settleUntil(here.store, groupId, () =>
        envelopes(heard).some((each) => each.kind === 'presence' && each.bytes.endsWith(end)),
      );
    }

    async function entriesOf(id: string): Promise<readonly HistoryEntry[]> {
      const entries = await harness.history.pending(10_000);
      return entries.filter((entry) => entry.groupId === id);
    }

    async function recordsOf(id: string): Promise<readonly HistoryRecord[]> {
      return (await entriesOf(id)).map((entry) => entry.record);
    }

    async function pair(): Promise<[FloorMember, FloorMember]> {
      const alice = person('Alice');
      const bob = person('Bob');
      await here.store.join(joinOf(groupId, alice));
      await there.store.join(joinOf(groupId, bob));
      return [alice, bob];
    }

    describe('taking and giving the floor', () => {
      test('a press in an idle group takes the slot, numbers and announces the talk', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        const outcome = expectStatus(await here.store.request(input), 'granted');
        expect(outcome.grant).toMatchObject({ talkId: input.talkId, streamId: 7, maxTalkMs: 60_000, remainingMs: 60_000 });
        const slot = await harness.slot(groupId);
        expect(slot?.userId).toBe(alice.userId);
        expect(slot?.ttlMs).toBeGreaterThan(0);
        expect(slot?.ttlMs).toBeLessThanOrEqual(testTimings.leaseMs);
        await expect.poll(() => withoutPresence(heard)).toEqual(['started']);
        const started = envelopes(heard).find((each) => each.kind === 'started');
        if (started?.kind !== 'started') throw new Error('No start was announced');
        expect(JSON.parse(started.bytes)).toEqual({
          type: 'TALK_STARTED',
          groupId,
          epoch: outcome.epoch,
          seq: outcome.grant.seq,
          talkId: input.talkId,
          streamId: 7,
          speaker: { userId: alice.userId, displayName: 'Alice' },
          emergency: false,
        });
        expect(started.connectionId).toBe(alice.connectionId);
      });

      test('a second asker is busy with the holder, whichever process he is on', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        const outcome = expectStatus(await there.store.request(press(groupId, bob)), 'busy');
        expect(outcome.holder).toEqual({ userId: alice.userId, displayName: 'Alice' });
      });

      test('of many presses at once exactly one is granted', async () => {
        const members = await present(...Array.from({ length: 20 }, (_, index) => `Member ${index}`));
        const outcomes = await Promise.all(
          members.map((member, index) => (index % 2 ? here : there).store.request(press(groupId, member))),
        );
        expect(outcomes.filter((outcome) => outcome.status === 'granted')).toHaveLength(1);
        expect(outcomes.filter((outcome) => outcome.status === 'busy')).toHaveLength(19);
      });

      test('a release frees the slot and announces the end', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        await here.store.request(input);
        const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: input.talkId });
        expect(outcome.released).toBe(true);
        expect(await harness.slot(groupId)).toBeNull();
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
        const ended = envelopes(heard).at(-1);
        if (ended?.kind !== 'ended') throw new Error('No end was announced');
        expect(JSON.parse(ended.bytes)).toMatchObject({
          type: 'TALK_ENDED',
          talkId: input.talkId,
          speaker: { userId: alice.userId, displayName: 'Alice' },
          cause: 'released',
          seq: outcome.seq,
        });
      });

      test('a release by anybody else, or of another talk, changes nothing', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        expect((await there.store.release({ groupId, ...ofMember(bob), talkId: null })).released).toBe(false);
        expect((await here.store.release({ groupId, ...ofMember(alice), talkId: uuid() })).released).toBe(false);
        expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
      });

      test("the same user's second device neither frees nor shares the floor", async () => {
        const [alice] = await pair();
        const tablet = person('Alice', { userId: alice.userId });
        await there.store.join(joinOf(groupId, tablet));
        await here.store.request(press(groupId, alice));
        expect((await there.store.release({ groupId, ...ofMember(tablet), talkId: null })).released).toBe(false);
        const outcome = expectStatus(await there.store.request(press(groupId, tablet)), 'busy');
        expect(outcome.holder?.userId).toBe(alice.userId);
        const snapshot = await here.store.snapshot({ groupId, since: null });
        expect(snapshot.talk?.remainingMs).toBeGreaterThan(policy.contendedTalkMs);
      });

      test('the talker asking again gets the same grant and its old number', async () => {
        const [alice] = await pair();
        const first = expectStatus(await here.store.request(press(groupId, alice)), 'granted');
        const again = expectStatus(await here.store.request(press(groupId, alice)), 'repeated');
        expect(again.grant.talkId).toBe(first.grant.talkId);
        expect(again.grant.seq).toBe(first.grant.seq);
        expect(withoutPresence(heard)).toEqual(['started']);
      });

      test('who is not present is not_joined, who may only listen is listen_only', async () => {
        await pair();
        expectStatus(await here.store.request(press(groupId, person('Stranger'))), 'not_joined');
        const listener = person('Listener', { talk: 'listen_only' });
        await here.store.join(joinOf(groupId, listener));
        expectStatus(await here.store.request(press(groupId, listener)), 'listen_only');
        expectStatus(await here.store.request(press(uuid(), listener)), 'not_joined');
      });
    });

    describe('the grant in two steps', () => {
      test('a reservation takes the slot, remembers the right and announces nothing', async () => {
        const [alice, bob] = await pair();
        expectStatus(await here.store.request(press(groupId, alice, { oneStep: false, identity: 'u_alice' })), 'prepared');
        expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
        expect((await there.store.snapshot({ groupId, since: null })).talk).toBeNull();
        const busy = expectStatus(await there.store.request(press(groupId, bob)), 'busy');
        expect(busy.holder?.displayName).toBe('Alice');
        expect(withoutPresence(heard)).toEqual([]);
      });

      test('a commit opens and announces it once, also when it is sent again', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        const commit = { groupId, talkId: input.talkId, token: input.token, policy };
        const first = await here.store.commit(commit);
        const second = await here.store.commit(commit);
        if (first.status !== 'granted' || second.status !== 'granted') throw new Error('The commit was refused');
        expect(second.grant.seq).toBe(first.grant.seq);
        await expect.poll(() => withoutPresence(heard)).toEqual(['started']);
      });

      test('a commit by another token, or too late, is refused and the right is to be withdrawn', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        const forged = await here.store.commit({ groupId, talkId: input.talkId, token: uuid(), policy });
        expect(forged).toMatchObject({ status: 'refused', cause: 'void' });
        await expect.poll(() => harness.slot(groupId), { interval: 10 }).toBeNull();
        const late = await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
        expect(late).toMatchObject({ status: 'refused', cause: 'void', withdraw: ['u_alice'] });
        expect(withoutPresence(heard)).toEqual([]);
      });

      test('a cancelled reservation was never a talk', async () => {
        const [alice, bob] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        const change = await here.store.cancel({ groupId, talkId: input.talkId, token: input.token, silencedTalker: false });
        expect(change.withdraw).toEqual(['u_alice']);
        expect(await harness.slot(groupId)).toBeNull();
        expectStatus(await there.store.request(press(groupId, bob)), 'granted');
      });

      test('a release that meets its own reservation starts and ends a talk of 0 ms in one step', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        expect(outcome.released).toBe(true);
        expect(outcome.withdraw).toEqual(['u_alice']);
        expect(withoutPresence(outcome.published)).toEqual(['started', 'ended released']);
        const ended = envelopes(outcome.published).at(-1);
        expect(ended).toMatchObject({ kind: 'ended', durationMs: 0 });
        const commit = await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
        expect(commit.status).toBe('refused');
      });

      test('the right to publish stays on the list until it is confirmed to be withdrawn', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
        expect((await here.store.settle({ groupId })).withdraw).toEqual([]);
        expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).withdraw).toEqual(['u_alice']);
        expect((await there.store.settle({ groupId })).withdraw).toEqual(['u_alice']);
        await here.store.rightsCleared({ groupId, identities: ['u_alice'] });
        expect((await there.store.settle({ groupId })).withdraw).toEqual([]);
      });

      test('a right given anew is not cleared by the confirmation for the talk before', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        await here.store.commit({ groupId, talkId: input.talkId, token: input.token, policy });
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        await here.store.request(press(groupId, alice, { oneStep: false, identity: 'u_alice' }));
        await here.store.rightsCleared({ groupId, identities: ['u_alice'] });
        expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).withdraw).toEqual(['u_alice']);
      });

      test('a reservation is cancelled by leaving, and by the loss of the right', async () => {
        const [alice, bob] = await pair();
        const leaving = press(groupId, alice, { oneStep: false });
        await here.store.request(leaving);
        await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
        expect(await here.store.commit({ groupId, talkId: leaving.talkId, token: leaving.token, policy })).toMatchObject({
          status: 'refused',
          cause: 'not_joined',
        });
        const losing = press(groupId, bob, { oneStep: false });
        await there.store.request(losing);
        await here.store.withdrawRight({ groupId, userId: bob.userId, sessionId: null, right: 'talk' });
        expect(await there.store.commit({ groupId, talkId: losing.talkId, token: losing.token, policy })).toMatchObject({
          status: 'refused',
          cause: 'listen_only',
        });
        expect(withoutPresence(heard)).toEqual([]);
      });

      test('a revoke cancels a reservation, and its commit is refused busy', async () => {
        const [alice, bob] = await pair();
        const input = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(input);
        const outcome = await there.store.end({ groupId, talkId: null, cause: 'revoked' });
        expect(outcome).toMatchObject({ ended: true, withdraw: ['u_alice'], published: [] });
        expect(await here.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'busy' });
        expectStatus(await there.store.request(press(groupId, bob)), 'granted');
      });

      test('another connection of the session voids what the old one asked for', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice, { oneStep: false });
        await here.store.request(input);
        expectStatus(await here.store.request(press(groupId, alice, { oneStep: false })), 'in_progress');
        await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
        expect(await here.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'not_joined' });
        expect(await harness.slot(groupId)).toBeNull();
      });

      test('who asks during a reservation starts the contended limit of the talk that comes of it', async () => {
        const [alice, bob] = await pair();
        const contended = { ...policy, contendedTalkMs: 5_000 };
        const input = press(groupId, alice, { oneStep: false, policy: contended });
        await here.store.request(input);
        expectStatus(await there.store.request(press(groupId, bob)), 'busy');
        const commit = await here.store.commit({ ...commitOf(input), policy: contended });
        if (commit.status !== 'granted') throw new Error('The commit was refused');
        expect(commit.grant).toMatchObject({ maxTalkMs: 60_000, remainingMs: 5_000 });
      });

      test("the holder's own second device does not start it", async () => {
        const [alice] = await pair();
        const tablet = person('Alice', { userId: alice.userId });
        await there.store.join(joinOf(groupId, tablet));
        const input = press(groupId, alice, { oneStep: false });
        await here.store.request(input);
        expectStatus(await there.store.request(press(groupId, tablet)), 'busy');
        const commit = await here.store.commit(commitOf(input));
        if (commit.status !== 'granted') throw new Error('The commit was refused');
        expect(commit.grant.remainingMs).toBe(60_000);
      });
    });

    describe('limits', () => {
      test('the longest talk ends too_long and its talker waits the cooldown', async () => {
        const [alice] = await pair();
        const short = { ...policy, maxTalkMs: 50 };
        await here.store.request(press(groupId, alice, { policy: short }));
        await settleUntil(there.store, groupId, () => withoutPresence(heard).includes('ended too_long'));
        const outcome = expectStatus(await here.store.request(press(groupId, alice)), 'cooldown');
        expect(outcome.retryAfterMs).toBeGreaterThan(0);
        expect(outcome.retryAfterMs).toBeLessThanOrEqual(policy.cooldownMs);
        expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'granted');
      });

      test('the contended limit starts with the first other asker', async () => {
        const [alice, bob] = await pair();
        const contended = { ...policy, contendedTalkMs: 60 };
        await here.store.request(press(groupId, alice, { policy: contended }));
        expect((await here.store.snapshot({ groupId, since: null })).talk?.remainingMs).toBeGreaterThan(1_000);
        await there.store.request(press(groupId, bob));
        expect((await here.store.snapshot({ groupId, since: null })).talk?.remainingMs).toBeLessThanOrEqual(60);
        await settleUntil(here.store, groupId, () => withoutPresence(heard).includes('ended too_long'));
      });

      test('a talk that was too long hands over to the first waiter', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice, { policy: { ...policy, maxTalkMs: 50 } }));
        const waiting = press(groupId, bob, { queue: true });
        expectStatus(await there.store.request(waiting), 'queued');
        await settleUntil(here.store, groupId, () => withoutPresence(heard).includes('handover'));
        expect(withoutPresence(heard)).toEqual(['started', 'ended too_long', 'handover']);
        expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
        expect((await there.store.commit(commitOf(waiting))).status).toBe('granted');
      });

      test('who waits when a talk starts counts as the first other asker', async () => {
        const [alice, bob, carol] = await present('Alice', 'Bob', 'Carol');
        if (!alice || !bob || !carol) throw new Error('Three members are needed');
        const contended = { ...policy, contendedTalkMs: 5_000 };
        await here.store.request(press(groupId, alice));
        const second = press(groupId, bob, { queue: true });
        await here.store.request(second);
        const third = press(groupId, carol, { queue: true });
        await here.store.request(third);
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        const first = await here.store.commit({ ...commitOf(second), policy: contended });
        await here.store.release({ groupId, ...ofMember(bob), talkId: null });
        const last = await here.store.commit({ ...commitOf(third), policy: contended });
        expect([first, last]).toMatchObject([{ grant: { remainingMs: 5_000 } }, { grant: { remainingMs: 60_000 } }]);
      });

      test('an emergency that was cut as too long binds the next emergency too', async () => {
        const [alice] = await pair();
        const short = { ...policy, maxTalkMs: 50 };
        await here.store.request(press(groupId, alice, { emergency: true, policy: short }));
        await settleUntil(there.store, groupId, () => withoutPresence(heard).includes('ended too_long'));
        expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'cooldown');
      });

      test('a revoke says the cooldown only of an emergency', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        await here.store.end({ groupId, talkId: null, cause: 'revoked' });
        await here.store.request(press(groupId, bob, { emergency: true }));
        await here.store.end({ groupId, talkId: null, cause: 'revoked' });
        await expect.poll(() => withoutPresence(heard)).toHaveLength(4);
        const waits = envelopes(heard).flatMap((each) => (each.kind === 'ended' ? [each.retryAfterMs] : []));
        expect(waits).toEqual([0, policy.cooldownMs]);
        expectStatus(await there.store.request(press(groupId, bob, { emergency: true })), 'cooldown');
      });

      test("a cooldown binds the user's other devices, and takes the places that they wait in", async () => {
        const [alice, bob] = await pair();
        const tablet = person('Alice', { userId: alice.userId });
        await there.store.join(joinOf(groupId, tablet));
        await here.store.request(press(groupId, bob));
        expectStatus(await there.store.request(press(groupId, tablet, { queue: true })), 'queued');
        const short = { ...policy, maxTalkMs: 50 };
        await here.store.request(press(groupId, alice, { emergency: true, policy: short }));
        await settleUntil(there.store, groupId, () => withoutPresence(heard).includes('queue_failed'));
        expect(withoutPresence(heard).slice(-2)).toEqual(['ended too_long', 'queue_failed']);
        expect(envelopes(heard).find((each) => each.kind === 'queue_failed')).toEqual({
          kind: 'queue_failed',
          connectionId: tablet.connectionId,
          cause: 'cooldown',
          retryAfterMs: policy.cooldownMs,
        });
        expectStatus(await there.store.request(press(groupId, tablet)), 'cooldown');
      });

      test('a released talk causes no cooldown', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        expectStatus(await here.store.request(press(groupId, alice)), 'granted');
      });
    });

    describe('leases and grace', () => {
      test('a talk that is not renewed ends expired, and is announced by another process', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        await settleUntil(there.store, groupId, () => withoutPresence(heard).includes('ended expired'));
        expect(withoutPresence(heard)).toEqual(['started', 'ended expired']);
        expect(await harness.slot(groupId)).toBeNull();
      });

      test('a renewed talk lives on beyond its lease, and its slot with it', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        await here.store.request(input);
        const until = performance.now() + testTimings.leaseMs * 2;
        await expect
          .poll(
            async () => {
              await here.store.renew({ groupId, honouredTalkIds: [input.talkId] });
              if (processes === 2) await there.store.renew({ groupId, honouredTalkIds: [] });
              expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
              return performance.now() > until;
            },
            { interval: 50, timeout: 3_000 },
          )
          .toBe(true);
        expect(withoutPresence(heard)).toEqual(['started']);
      });

      test('a process that does not honour its own open talk ends it lost', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        await here.store.renew({ groupId, honouredTalkIds: [] });
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended lost']);
      });

      test('a closed socket keeps its talk for the grace, then it ends lost', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
        expect((await there.store.snapshot({ groupId, since: null })).talk).not.toBeNull();
        await settleUntil(there.store, groupId, () => withoutPresence(heard).includes('ended lost'));
      });

      test('a renewal that does not honour a talk whose socket is gone leaves it its grace', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        await here.store.request(input);
        await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
        const { published } = await here.store.renew({ groupId, honouredTalkIds: [] });
        expect(withoutPresence(published)).toEqual([]);
        const back = { ...alice, connectionId: uuid() };
        expect((await here.store.join(joinOf(groupId, back))).talk?.talkId).toBe(input.talkId);
      });

      test('the same session back within the grace keeps the talk, on another process too', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        await here.store.request(input);
        await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
        const back = { ...alice, connectionId: uuid() };
        const joined = await there.store.join(joinOf(groupId, back));
        expect(joined.talk?.talkId).toBe(input.talkId);
        expect(joined.talk?.sessionId).toBe(alice.sessionId);
        const again = expectStatus(await there.store.request(press(groupId, back)), 'repeated');
        expect(again.grant.talkId).toBe(input.talkId);
        expect((await there.store.release({ groupId, ...ofMember(back), talkId: null })).released).toBe(true);
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
      });

      test('a late close of the old socket does not touch the new one', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        const back = { ...alice, connectionId: uuid() };
        await there.store.join(joinOf(groupId, back));
        await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
        expect(await harness.presence(groupId)).toContain(alice.userId);
        expect((await here.store.release({ groupId, ...ofMember(alice), talkId: null })).released).toBe(false);
        expectStatus(await there.store.request(press(groupId, back)), 'repeated');
      });

      test('leaving the group ends the talk released at once', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released']);
      });
    });

    describe('ending from outside', () => {
      test('a revoke names the talk or takes whichever there is', async () => {
        const [alice] = await pair();
        await here.store.request(press(groupId, alice));
        expect((await there.store.end({ groupId, talkId: uuid(), cause: 'revoked' })).ended).toBe(false);
        expect((await there.store.end({ groupId, talkId: null, cause: 'revoked' })).ended).toBe(true);
        expect((await there.store.end({ groupId, talkId: null, cause: 'revoked' })).ended).toBe(false);
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended revoked']);
        expectStatus(await here.store.request(press(groupId, alice)), 'granted');
      });

      test('the loss of the membership ends talk and presence', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        await there.store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'member' });
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended removed']);
        expect(await harness.presence(groupId)).toEqual([bob.userId]);
        expectStatus(await here.store.request(press(groupId, alice)), 'not_joined');
      });

      test('who loses the right to talk loses the floor, a place in the queue and nothing else', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        await there.store.request(press(groupId, bob, { queue: true }));
        const waiter = await here.store.withdrawRight({ groupId, userId: bob.userId, sessionId: null, right: 'talk' });
        expect(envelopes(waiter.published).filter((each) => each.kind === 'queue_failed')).toEqual([
          { kind: 'queue_failed', connectionId: bob.connectionId, cause: 'listen_only', retryAfterMs: 0 },
        ]);
        const talker = await here.store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'talk' });
        expect(withoutPresence(talker.published)).toEqual(['ended removed']);
        expect([...(await harness.presence(groupId))].toSorted()).toEqual([alice.userId, bob.userId].toSorted());
        expectStatus(await here.store.request(press(groupId, alice)), 'listen_only');
        await here.store.join(joinOf(groupId, alice));
        expectStatus(await here.store.request(press(groupId, alice)), 'granted');
      });

      test('the end of one session leaves the others of its user alone', async () => {
        const [alice] = await pair();
        const tablet = person('Alice', { userId: alice.userId });
        await here.store.join(joinOf(groupId, tablet));
        await here.store.request(press(groupId, alice));
        const only = { groupId, userId: alice.userId, right: 'member' } as const;
        await there.store.withdrawRight({ ...only, sessionId: tablet.sessionId });
        expect((await here.store.snapshot({ groupId, since: null })).talk?.sessionId).toBe(alice.sessionId);
        expectStatus(await there.store.request(press(groupId, tablet)), 'not_joined');
        await there.store.withdrawRight({ ...only, sessionId: alice.sessionId });
        expect(await harness.presence(groupId)).not.toContain(alice.userId);
      });
    });

    describe('queue, emergency and pre-emption', () => {
      test('waiters have positions, and the first gets the reservation when the talk ends', async () => {
        const [alice, bob, carol] = await present('Alice', 'Bob', 'Carol');
        if (!alice || !bob || !carol) throw new Error('Three members are needed');
        await here.store.request(press(groupId, alice));
        const second = press(groupId, bob, { queue: true });
        expect(expectStatus(await there.store.request(second), 'queued').position).toBe(1);
        expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
        expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
        const outcome = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        expect(kinds(outcome.published)).toEqual(['ended released', 'handover', 'queue']);
        const note = envelopes(outcome.published)[1];
        if (note?.kind !== 'handover') throw new Error('No hand-over was published');
        expect(note).toMatchObject({ talkId: second.talkId, token: second.token, connectionId: bob.connectionId });
        expect(envelopes(outcome.published)[2]).toEqual({
          kind: 'queue',
          places: [{ connectionId: carol.connectionId, position: 1 }],
        });
        const commit = await there.store.commit({ groupId, talkId: note.talkId, token: note.token, policy });
        expect(commit.status).toBe('granted');
      });

      test('a full queue refuses, and a place is given up by a release without talk id or a lost socket', async () => {
        const [alice, bob, carol] = await present('Alice', 'Bob', 'Carol');
        if (!alice || !bob || !carol) throw new Error('Three members are needed');
        const narrow = { ...policy, queueLimit: 1 };
        await here.store.request(press(groupId, alice, { policy: narrow }));
        await here.store.request(press(groupId, bob, { queue: true, policy: narrow }));
        expectStatus(await here.store.request(press(groupId, carol, { queue: true, policy: narrow })), 'queue_full');
        expect((await here.store.release({ groupId, ...ofMember(bob), talkId: null })).released).toBe(false);
        expectStatus(await here.store.request(press(groupId, carol, { queue: true, policy: narrow })), 'queued');
        await here.store.leave({ groupId, ...ofMember(carol), how: 'closed' });
        expectStatus(await here.store.request(press(groupId, bob, { queue: true, policy: narrow })), 'queued');
      });

      test('an emergency takes an ordinary talk with no third party between, in one step and in two', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        const outcome = expectStatus(await there.store.request(press(groupId, bob, { emergency: true })), 'granted');
        expect(withoutPresence(outcome.published)).toEqual(['ended preempted', 'started']);
        expectStatus(await here.store.request(press(groupId, alice, { emergency: true })), 'busy');
        await there.store.release({ groupId, ...ofMember(bob), talkId: null });

        await here.store.request(press(groupId, alice));
        const second = press(groupId, bob, { emergency: true, oneStep: false, identity: 'u_bob' });
        expectStatus(await there.store.request(second), 'prepared');
        expect((await here.store.snapshot({ groupId, since: null })).talk?.speaker.displayName).toBe('Alice');
        expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
        const commit = await there.store.commit({ groupId, talkId: second.talkId, token: second.token, policy });
        expect(withoutPresence(commit.published)).toEqual(['ended preempted', 'started']);
        expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
      });

      test('a pre-emption names the talker to silence, and is an ordinary grant when he lets go meanwhile', async () => {
        const [alice, bob] = await pair();
        const ordinary = press(groupId, alice, { oneStep: false, identity: 'u_alice' });
        await here.store.request(ordinary);
        await here.store.commit(commitOf(ordinary));
        const emergency = press(groupId, bob, { emergency: true, oneStep: false, identity: 'u_bob' });
        const prepared = expectStatus(await there.store.request(emergency), 'prepared');
        expect(prepared).toMatchObject({ silence: 'u_alice', withdraw: [] });
        const release = await here.store.release({ groupId, ...ofMember(alice), talkId: ordinary.talkId });
        expect(release).toMatchObject({ released: true, withdraw: ['u_alice'] });
        expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
        const commit = await there.store.commit(commitOf(emergency));
        expect(withoutPresence(commit.published)).toEqual(['started']);
        await expect.poll(() => withoutPresence(heard)).toEqual(['started', 'ended released', 'started']);
      });

      test('a cancelled pre-emption gives the slot back, and ends a talker who was silenced for nothing', async () => {
        const [alice, bob] = await pair();
        const talk = press(groupId, alice);
        await here.store.request(talk);
        const first = press(groupId, bob, { emergency: true, oneStep: false });
        await there.store.request(first);
        await there.store.cancel({ ...commitOf(first), silencedTalker: false });
        expect((await harness.slot(groupId))?.userId).toBe(alice.userId);
        expect((await here.store.snapshot({ groupId, since: null })).talk?.talkId).toBe(talk.talkId);
        const second = press(groupId, bob, { emergency: true, oneStep: false });
        await there.store.request(second);
        const change = await there.store.cancel({ ...commitOf(second), silencedTalker: true });
        expect(withoutPresence(change.published)).toEqual(['ended media_failed']);
        expect(await harness.slot(groupId)).toBeNull();
      });

      test('a pre-emption whose commit is refused still ends the talker who was silenced for it', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        const input = press(groupId, bob, { emergency: true, oneStep: false });
        await there.store.request(input);
        await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
        expect(await there.store.commit(commitOf(input))).toMatchObject({ status: 'refused', cause: 'not_joined' });
        const kept = await there.store.cancel({ ...commitOf(input), silencedTalker: false });
        expect(withoutPresence(kept.published)).toEqual([]);
        const ended = await there.store.cancel({ ...commitOf(input), silencedTalker: true });
        expect(withoutPresence(ended.published)).toEqual(['ended media_failed']);
      });

      test('a pre-emption survives that the talker comes back on another connection', async () => {
        const [alice, bob] = await pair();
        await here.store.request(press(groupId, alice));
        const input = press(groupId, bob, { emergency: true, oneStep: false });
        await there.store.request(input);
        await here.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
        expect((await harness.slot(groupId))?.userId).toBe(bob.userId);
        expect((await there.store.commit(commitOf(input))).status).toBe('granted');
      });

      test('a waiter whose request becomes an emergency moves before the ordinary askers', async () => {
        const [alice, bob, carol] = await present('Alice', 'Bob', 'Carol');
        if (!alice || !bob || !carol) throw new Error('Three members are needed');
        await here.store.request(press(groupId, alice, { emergency: true }));
        await here.store.request(press(groupId, bob, { queue: true }));
        const early = press(groupId, carol, { queue: true });
        expect(expectStatus(await here.store.request(early), 'queued').position).toBe(2);
        const again = await here.store.request(press(groupId, carol, { queue: true, emergency: true }));
        expect(expectStatus(again, 'queued').position).toBe(1);
        expect(envelopes(again.published)).toEqual([
          {
            kind: 'queue',
            places: [
              { connectionId: carol.connectionId, position: 1 },
              { connectionId: bob.connectionId, position: 2 },
            ],
          },
        ]);
        const { published } = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        expect(envelopes(published)[1]).toMatchObject({ kind: 'handover', talkId: early.talkId, token: early.token });
      });

      test('without queue a waiter is busy and keeps his place', async () => {
        const [alice, bob, carol] = await present('Alice', 'Bob', 'Carol');
        if (!alice || !bob || !carol) throw new Error('Three members are needed');
        await here.store.request(press(groupId, alice));
        await here.store.request(press(groupId, bob, { queue: true }));
        expectStatus(await here.store.request(press(groupId, bob)), 'busy');
        expect((await here.store.release({ groupId, ...ofMember(bob), talkId: uuid() })).released).toBe(false);
        expect(expectStatus(await here.store.request(press(groupId, carol, { queue: true })), 'queued').position).toBe(2);
      });

      test('emergency is an ordinary request where the group has it off', async () => {
        const [alice, bob] = await pair();
        const off = { ...policy, emergency: 'off' } as const;
        await here.store.request(press(groupId, alice, { policy: off }));
        expectStatus(await there.store.request(press(groupId, bob, { emergency: true, policy: off })), 'busy');
      });

      test('an emergency queues before ordinary askers and behind another emergency', async () => {
        const [alice, bob, carol, dave] = await present('Alice', 'Bob', 'Carol', 'Dave');
        if (!alice || !bob || !carol || !dave) throw new Error('Four members are needed');
        await here.store.request(press(groupId, alice, { emergency: true }));
        await here.store.request(press(groupId, bob, { queue: true }));
        const third = await here.store.request(press(groupId, carol, { queue: true, emergency: true }));
        expect(expectStatus(third, 'queued').position).toBe(1);
        const fourth = await here.store.request(press(groupId, dave, { queue: true, emergency: true }));
        expect(expectStatus(fourth, 'queued').position).toBe(2);
      });

      test('the manager takes the floor from a member only where the group says so', async () => {
        const manager = person('Manager', { role: 'group_manager' });
        const member = person('Member');
        await here.store.join(joinOf(groupId, manager));
        await here.store.join(joinOf(groupId, member));
        await here.store.request(press(groupId, member));
        expectStatus(await here.store.request(press(groupId, manager)), 'busy');
        const preempting = { ...policy, managerPreempts: true };
        expectStatus(await here.store.request(press(groupId, manager, { policy: preempting })), 'granted');
        expectStatus(await here.store.request(press(groupId, member)), 'busy');
      });
    });

    describe('presence and late entry', () => {
      test('a join is announced once to all, with who came and how many there are', async () => {
        const [alice, bob] = await pair();
        await untilPresent(2);
        const messages = envelopes(heard).map((each) => JSON.parse(each.kind === 'presence' ? each.bytes : '{}'));
        expect(messages.at(-1)).toMatchObject({ type: 'PRESENCE_CHANGED', groupId, left: [], presenceCount: 2 });
        expect(messages.flatMap(({ joined }) => joined)).toEqual([
          { userId: alice.userId, displayName: 'Alice', role: 'member' },
          { userId: bob.userId, displayName: 'Bob', role: 'member' },
        ]);
        expect([...(await harness.presence(groupId))].toSorted()).toEqual([alice.userId, bob.userId].toSorted());
      });

      test('a user with two devices leaves once, when the last is gone', async () => {
        const [alice] = await pair();
        const tablet = person('Alice', { userId: alice.userId });
        await there.store.join(joinOf(groupId, tablet));
        await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
        expect(await harness.presence(groupId)).toContain(alice.userId);
        await there.store.leave({ groupId, ...ofMember(tablet), how: 'closed' });
        expect(await harness.presence(groupId)).not.toContain(alice.userId);
        await settleUntil(here.store, groupId, () =>
          envelopes(heard).some((each) => each.kind === 'presence' && each.bytes.includes(`"left":[{"userId":"${alice.userId}"}]`)),
        );
      });

      test('a late entrant sees who talks', async () => {
        const [alice] = await pair();
        const input = press(groupId, alice);
        await here.store.request(input);
        const late = await there.store.join(joinOf(groupId, person('Late')));
        expect(late.talk).toMatchObject({
          talkId: input.talkId,
          streamId: 7,
          speaker: { userId: alice.userId, displayName: 'Alice' },
          sessionId: alice.sessionId,
          emergency: false,
        });
        expect(late.presenceCount).toBe(3);
      });

      test('a replaced socket keeps presence for the grace, and a return in it changes nothing', async () => {
        const [alice, bob] = await pair();
        await untilPresent(2);
        await here.store.leave({ groupId, ...ofMember(alice), how: 'replaced' });
        expect(await harness.presence(groupId)).toContain(alice.userId);
        await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
        await here.store.leave({ groupId, ...ofMember(bob), how: 'replaced' });
        await settleUntil(here.store, groupId, async () => !(await harness.presence(groupId)).includes(bob.userId));
        expect(await harness.presence(groupId)).toContain(alice.userId);
      });

      test('a process that stops renewing takes its members with it', async () => {
        const [alice, bob] = await pair();
        await expect
          .poll(
            async () => {
              const { known } = await there.store.renew({ groupId, honouredTalkIds: [] });
              if (processes === 1) return known;
              return (await harness.presence(groupId)).includes(alice.userId);
            },
            { interval: 20, timeout: 3_000 },
          )
          .toBe(processes === 1);
        expect(await harness.presence(groupId)).toContain(bob.userId);
        if (processes === 2) expect((await here.store.renew({ groupId, honouredTalkIds: [] })).known).toBe(false);
      });

      test('since gives exactly the events missed, or none when the log does not reach back', async () => {
        const [alice, bob] = await pair();
        await untilPresent(2);
        const before = await here.store.snapshot({ groupId, since: null });
        await here.store.request(press(groupId, alice));
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        const position = { epoch: before.epoch, seq: before.seq };
        const back = await there.store.join(joinOf(groupId, { ...bob, connectionId: uuid() }, position));
        expect(kinds(back.missed ?? [])).toEqual(['started', 'ended released']);
        expect((await here.store.snapshot({ groupId, since: { ...position, seq: back.seq } })).missed).toEqual([]);
        for (const since of [
          { epoch: before.epoch - 1, seq: before.seq },
          { epoch: before.epoch, seq: back.seq + 1 },
        ]) {
          expect((await here.store.snapshot({ groupId, since })).missed).toBeNull();
        }
      });

      test('a member who joins again under another role is shown with it', async () => {
        const [alice] = await pair();
        const joined = await here.store.join(joinOf(groupId, { ...alice, role: 'group_manager' }));
        expect(joined.presence).toContain(
          JSON.stringify({ userId: alice.userId, displayName: 'Alice', role: 'group_manager' }),
        );
        expect(joined.presenceCount).toBe(2);
      });

      test('the epoch of a group that closed and opened again is higher', async () => {
        const [alice, bob] = await pair();
        const first = await here.store.request(press(groupId, alice));
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
        await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
        const sinceMs = performance.now();
        await settleUntil(here.store, groupId, async () => {
          const { epoch } = await here.store.snapshot({ groupId, since: null });
          // An epoch counts seconds; a group lingers for many.
          return epoch === 0 && performance.now() - sinceMs > 1_000;
        });
        const again = await here.store.join(joinOf(groupId, alice));
        expect(again.epoch).toBeGreaterThan(first.epoch);
        expect(Math.floor(again.epoch / 2 ** 32)).toBe(1);
        expect(again.seq).toBe(0);
      });

      test('only groups with live state are listed', async () => {
        const [alice, bob] = await pair();
        expect(await here.store.liveGroups()).toContain(groupId);
        await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
        await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
        await settleUntil(here.store, groupId, async () => !(await here.store.liveGroups()).includes(groupId));
      });

      test('a log that does not reach back to the position gives none', async () => {
        const [alice, bob] = await pair();
        await untilPresent(2);
        const { epoch, seq } = await here.store.snapshot({ groupId, since: null });
        for (let round = 0; round < EVENT_LOG_LENGTH / 2; round += 1) {
          await here.store.request(press(groupId, alice));
          await here.store.release({ groupId, ...ofMember(alice), talkId: null });
        }
        const whole = await there.store.snapshot({ groupId, since: { epoch, seq } });
        expect(whole.missed).toHaveLength(EVENT_LOG_LENGTH);
        await there.store.request(press(groupId, bob));
        expect((await here.store.snapshot({ groupId, since: { epoch, seq } })).missed).toBeNull();
      });

      test('a group that everybody left closes after the linger and costs nothing', async () => {
        const [alice, bob] = await pair();
        const first = await here.store.join(joinOf(groupId, alice));
        await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
        await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
        await settleUntil(here.store, groupId, async () => (await here.store.snapshot({ groupId, since: null })).epoch === 0);
        expect(await harness.presence(groupId)).toEqual([]);
        await expect.poll(async () => (await recordsOf(groupId)).map(({ kind }) => kind)).toEqual(['opened', 'closed']);
        const second = await here.store.join(joinOf(groupId, alice));
        expect(second.voiceSessionId).not.toBe(first.voiceSessionId);
      });
    });

    test('each ended talk is in the history stream once, with its voice session, times and cause', async () => {
      const [alice] = await pair();
      const joined = await here.store.join(joinOf(groupId, alice));
      const input = press(groupId, alice);
      await here.store.request(input);
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await expect.poll(async () => (await recordsOf(groupId)).map(({ kind }) => kind)).toEqual(['opened', 'talk']);
      const [opened, talk] = await recordsOf(groupId);
      expect(opened).toMatchObject({ kind: 'opened', voiceSessionId: joined.voiceSessionId });
      expect(talk).toEqual({
        kind: 'talk',
        talkId: input.talkId,
        voiceSessionId: joined.voiceSessionId,
        userId: alice.userId,
        speaker: { userId: alice.userId, displayName: 'Alice' },
        emergency: false,
        startMs: expect.any(Number),
        endMs: expect.any(Number),
        cause: 'released',
      });
      if (talk?.kind !== 'talk') throw new Error('No talk was noted');
      expect(Math.abs(talk.startMs - Date.now())).toBeLessThan(10_000);
      expect(talk.endMs).toBeGreaterThanOrEqual(talk.startMs);
    });

    test('a record stays until it is confirmed, and is given to whoever looks', async () => {
      const [alice] = await pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await expect.poll(async () => (await entriesOf(groupId)).length).toBe(2);
      const entries = await entriesOf(groupId);
      expect(await entriesOf(groupId)).toEqual(entries);
      await harness.history.confirm(entries.slice(0, 1));
      expect(await entriesOf(groupId)).toEqual(entries.slice(1));
      await harness.history.confirm(entries);
      expect(await entriesOf(groupId)).toEqual([]);
      await here.store.request(press(groupId, alice));
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await expect.poll(async () => (await entriesOf(groupId)).length).toBe(1);
      await harness.history.confirm(entries);
      expect(await entriesOf(groupId)).toHaveLength(1);
      expect(await harness.history.pending(0)).toEqual([]);
    });

    test('numbers grow by one, and starts and ends alternate, under many askers', async () => {
      const members = await present(...Array.from({ length: 6 }, (_, index) => `Member ${index}`));
      await Promise.all(
        members.map(async (member, index) => {
          const { store } = index % 2 ? here : there;
          for (let round = 0; round < 10; round += 1) {
            const outcome = await store.request(press(groupId, member));
            if (outcome.status === 'granted') await store.release({ groupId, ...ofMember(member), talkId: null });
          }
        }),
      );
      const last = await here.store.snapshot({ groupId, since: null });
      await expect.poll(() => envelopes(heard).at(-1)).toMatchObject({ seq: last.seq });
      const numbered = envelopes(heard).filter((each) => 'seq' in each);
      expect(numbered.map((each) => each.seq)).toEqual(numbered.map((_, index) => index + 1));
      const talks = withoutPresence(heard);
      expect(talks.length).toBeGreaterThan(0);
      talks.forEach((kind, index) => expect(kind).toBe(index % 2 ? 'ended released' : 'started'));
    });
  });
}
