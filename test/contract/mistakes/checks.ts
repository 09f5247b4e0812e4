import { setTimeout as pause } from 'node:timers/promises';
import { vi } from 'vitest';
import type { Change, FloorMember, FloorStore, FloorTimings, RequestInput } from '../../../src/realtime/floor/index.ts';
import {
  commitOf,
  envelopes,
  joinOf,
  kinds,
  ofMember,
  person,
  policy,
  press,
  type Scene,
} from '../floor-store/scene.ts';

/** A store did what floor.md says naive servers get wrong. */
export class Violation extends Error {
  override readonly name = 'Violation';
}

function hold(condition: boolean, otherwise: string): void {
  if (!condition) throw new Violation(otherwise);
}

export interface Mistake {
  /** As floor.md counts and words it. */
  readonly name: string;
  /** Throws a `Violation` when the store makes the mistake. */
  readonly check: (scene: Scene) => Promise<void>;
}

/** Of the naive store, whose time nobody but the clock lets pass. */
export const naiveTimings: FloorTimings = {
  leaseMs: 1_500,
  renewMs: 300,
  graceMs: 400,
  pendingMs: 400,
  presenceFlushMs: 20,
  lingerMs: 5_000,
};

/** A store that publishes everything needs a moment for it. */
const HEARD_LIMIT_MS = 2_000;

/** What the live server does all the time: renews what a process has, and lets the store do what is due. */
async function keepUp(store: FloorStore, groupId: string, members: number, honouredTalkIds: readonly string[] = []) {
  await store.renew({ groupId, honouredTalkIds, members });
}

/** Keeps processes up for a while; calls `each` between. */
async function goOn(
  scene: Scene,
  ms: number,
  renew: () => Promise<unknown>,
  each: () => Promise<unknown> = async () => undefined,
) {
  const stepMs = scene.timings.renewMs / 4;
  for (let passedMs = 0; passedMs < ms; passedMs += stepMs) {
    await renew();
    await each();
    await scene.pass(stepMs);
  }
}

/** The starts and ends that were heard, when there are so many, or when no more come. */
async function talksHeard({ heard }: Scene, count: number): Promise<string[]> {
  const endsAtMs = performance.now() + HEARD_LIMIT_MS;
  const talks = (): string[] => kinds(heard).filter((kind) => kind !== 'presence' && kind !== 'queue');
  while (talks().length < count && performance.now() < endsAtMs) await pause(2);
  return talks();
}

async function talkOf(store: FloorStore, groupId: string, member: FloorMember, more: Partial<RequestInput> = {}) {
  const input = press(groupId, member, more);
  const { status } = await store.request(input);
  if (status !== 'granted') throw new Error(`The talk to begin with was not granted: ${status}`);
  return input;
}

async function holderOf(store: FloorStore, groupId: string): Promise<string | null> {
  return (await store.snapshot({ groupId, since: null })).talk?.speaker.userId ?? null;
}

/** Asks until granted; the time that is allowed is generous, as only the answer matters. */
async function untilGranted(store: FloorStore, input: RequestInput, everyMs = 2): Promise<void> {
  const endsAtMs = performance.now() + 15_000;
  while (performance.now() < endsAtMs) {
    const { status } = await store.request(input);
    if (status === 'granted' || status === 'repeated' || status === 'prepared') return;
    await pause(everyMs);
  }
  throw new Error('The floor never became free');
}

/** A room of a media server: who has the right to publish. It follows what the store says, and nothing else. */
class Room {
  readonly speakers = new Set<string>();

  async follow(store: FloorStore, groupId: string, change: Change): Promise<void> {
    for (const identity of change.withdraw) this.speakers.delete(identity);
    if (change.withdraw.length > 0) await store.rightsCleared({ groupId, identities: change.withdraw });
  }
}

export const mistakes: readonly Mistake[] = [
  {
    name: '1. lease never renewed, or media goes on past it: two talkers',
    async check(scene) {
      const { here, there, groupId } = scene;
      const { leaseMs, renewMs } = scene.timings;
      const [alice, bob] = await scene.pair();
      const unhurried = { policy: { ...policy, contendedTalkMs: policy.maxTalkMs } };
      const talk = await talkOf(here.store, groupId, alice, unhurried);
      const renew = (): Promise<unknown> =>
        Promise.all([keepUp(here.store, groupId, 1, [talk.talkId]), keepUp(there.store, groupId, 1, [talk.talkId])]);
      await goOn(scene, 2 * leaseMs, renew, async () => {
        const { status } = await there.store.request(press(groupId, bob, unhurried));
        hold(status === 'busy', `while the talk is renewed another was answered ${status}`);
      });
      const again = press(groupId, bob, unhurried);
      for (let passedMs = 0; passedMs < 3 * leaseMs; passedMs += renewMs / 4) {
        await there.store.join(joinOf(groupId, bob));
        if ((await there.store.request(again)).status === 'granted') break;
        await scene.pass(renewMs / 4);
      }
      const talks = await talksHeard(scene, 3);
      hold(
        talks.join() === 'started,ended expired,started',
        `a talk began over one that had not ended: ${talks.join()}`,
      );
    },
  },
  {
    name: '2. GET-then-DEL release',
    async check(scene) {
      const { here, there, groupId, harness } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three are needed');
      await talkOf(here.store, groupId, alice);
      const first = here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await pause(10);
      // The watch heard nothing and sends it again.
      const second = there.store.release({ groupId, ...ofMember(alice), talkId: null });
      await untilGranted(there.store, press(groupId, bob));
      await Promise.all([first, second]);
      hold((await harness.slot(groupId))?.userId === bob.userId, 'the slot of the next talker is gone');
      const { status } = await here.store.request(press(groupId, carol));
      hold(status === 'busy', `while the next one talks a third was answered ${status}`);
    },
  },
  {
    name: "3. ownership by user id: a second device frees the first's floor",
    async check(scene) {
      const { here, there, groupId } = scene;
      const phone = person('Alice');
      const watch = person('Alice', { userId: phone.userId });
      await here.store.join(joinOf(groupId, phone));
      await talkOf(here.store, groupId, phone);
      await there.store.join(joinOf(groupId, watch));
      const { released } = await there.store.release({ groupId, ...ofMember(watch), talkId: null });
      hold(!released, 'the other device was told that it released the floor');
      hold((await holderOf(here.store, groupId)) === phone.userId, 'the floor is free');
    },
  },
  {
    name: '4. no fencing: a paused process acts on a lapsed grant',
    async check(scene) {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const paused = press(groupId, alice, { oneStep: false, identity: 'alice' });
      await here.store.request(paused);
      const { pendingMs, renewMs } = scene.timings;
      await goOn(scene, pendingMs + renewMs, () =>
        Promise.all([keepUp(here.store, groupId, 1), keepUp(there.store, groupId, 1)]),
      );
      const next = press(groupId, bob, { oneStep: false, identity: 'bob' });
      await untilGranted(there.store, next);
      // Once while the next one is being given the floor, once when he has it.
      for (const moment of ['reserved', 'taken']) {
        const late = await here.store.commit(commitOf(paused));
        hold(late.status === 'refused', `the grant that had lapsed was committed while the floor was ${moment}`);
        if (moment === 'taken') break;
        hold((await holderOf(there.store, groupId)) === null, 'the late commit opened the talk of another');
        const { status } = await there.store.commit(commitOf(next));
        hold(status === 'granted', 'the late commit took the reservation of the next one');
      }
      hold((await holderOf(there.store, groupId)) === bob.userId, 'the floor was taken from the next talker');
    },
  },
  {
    name: "5. a timeout handler deletes the next holder's key",
    async check(scene) {
      const { here, groupId, harness } = scene;
      const [alice, bob] = await scene.present('Alice', 'Bob');
      if (!alice || !bob) throw new Error('Two are needed');
      const maxTalkMs = scene.timings.pendingMs / 2;
      const short = await talkOf(here.store, groupId, alice, { policy: { ...policy, maxTalkMs } });
      await here.store.release({ groupId, ...ofMember(alice), talkId: short.talkId });
      const talk = await talkOf(here.store, groupId, bob);
      // The timer of the talk before, and one that comes from elsewhere and names it.
      await goOn(scene, 2 * maxTalkMs, () => keepUp(here.store, groupId, 2, [talk.talkId]));
      await here.store.end({ groupId, talkId: short.talkId, cause: 'too_long' });
      hold((await harness.slot(groupId))?.userId === bob.userId, 'the slot of the next talker is gone');
      hold((await holderOf(here.store, groupId)) === bob.userId, 'the talk of the next talker has ended');
    },
  },
  {
    name: '6. a revoked publisher still publishes',
    async check(scene) {
      const { here, groupId } = scene;
      const [alice] = await scene.present('Alice');
      if (!alice) throw new Error('Somebody is needed');
      const room = new Room();
      const input = press(groupId, alice, { oneStep: false, identity: 'alice' });
      await here.store.request(input);
      room.speakers.add('alice');
      await here.store.commit(commitOf(input));
      await room.follow(here.store, groupId, await here.store.end({ groupId, talkId: null, cause: 'revoked' }));
      hold(!room.speakers.has('alice'), 'nobody is told to withdraw the right to publish');
    },
  },
  {
    name: '7. a media token reused after release',
    async check(scene) {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const room = new Room();
      const input = press(groupId, alice, { oneStep: false, identity: 'alice' });
      await here.store.request(input);
      room.speakers.add('alice');
      await here.store.commit(commitOf(input));
      // The process dies between the release and the withdrawal: what it gave out is still good.
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const next = press(groupId, bob, { oneStep: false, identity: 'bob' });
      await room.follow(there.store, groupId, await there.store.request(next));
      hold(!room.speakers.has('alice'), 'the next one is given the right to publish beside the one before');
    },
  },
  {
    name: '8. two devices of a user kick each other for ever',
    async check(scene) {
      const { here, there, groupId } = scene;
      const phone = person('Alice');
      const watch = person('Alice', { userId: phone.userId });
      await here.store.join(joinOf(groupId, phone));
      const joined = await there.store.join(joinOf(groupId, watch));
      hold(joined.presenceCount === 1, `one user with two devices counts ${joined.presenceCount}`);
      await there.store.release({ groupId, ...ofMember(watch), talkId: null });
      const { status } = await here.store.request(press(groupId, phone));
      hold(status === 'granted', `the first device was answered ${status} since the second is there`);
      await here.store.release({ groupId, ...ofMember(phone), talkId: null });
      const other = await there.store.request(press(groupId, watch));
      hold(other.status === 'granted', `the second device was answered ${other.status}`);
    },
  },
  {
    name: "9. a late close of the OLD socket frees the NEW one's floor",
    async check(scene) {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const talk = await talkOf(here.store, groupId, alice);
      const back = { ...alice, connectionId: `${alice.connectionId}-2` };
      await there.store.join(joinOf(groupId, back));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      const { graceMs, renewMs } = scene.timings;
      await goOn(scene, graceMs + renewMs, () => keepUp(there.store, groupId, 2, [talk.talkId]));
      hold((await holderOf(there.store, groupId)) === alice.userId, 'the close of the old socket ended the talk');
    },
  },
  {
    name: '10. a release that overtakes its request leaves the microphone open',
    async check(scene) {
      const { here, groupId } = scene;
      const [alice] = await scene.present('Alice');
      if (!alice) throw new Error('Somebody is needed');
      const tap = press(groupId, alice, { oneStep: false, identity: 'alice' });
      await here.store.request(tap);
      const { released } = await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const commit = await here.store.commit(commitOf(tap));
      hold(commit.status === 'refused', 'the talk began after the button was let go');
      hold(released, 'the release was answered as if there had been nothing');
      hold((await holderOf(here.store, groupId)) === null, 'the microphone is open');
    },
  },
  {
    name: '11. pre-emption as stop-then-start',
    async check(scene) {
      const { here, there, groupId, heard } = scene;
      const [alice, bob, carol] = await scene.present('Alice', 'Bob', 'Carol');
      if (!alice || !bob || !carol) throw new Error('Three are needed');
      await talkOf(here.store, groupId, alice);
      let isOver = false;
      const third = (async () => {
        while (!isOver) {
          const { status } = await there.store.request(press(groupId, carol));
          hold(status === 'busy', `between the two a third was answered ${status}`);
        }
      })();
      const emergency = here.store.request(press(groupId, bob, { emergency: true })).finally(() => (isOver = true));
      const [outcome] = await Promise.all([emergency, third]);
      hold(outcome.status === 'granted', `the emergency was answered ${outcome.status}`);
      const talks = kinds(outcome.published).filter((kind) => kind !== 'presence');
      hold(
        talks.join() === 'ended preempted,started',
        `end and start are not one step: ${talks.join()} of ${heard.length}`,
      );
    },
  },
  {
    name: '12. a removed member talks on',
    async check(scene) {
      const { here, groupId } = scene;
      const [alice] = await scene.present('Alice');
      if (!alice) throw new Error('Somebody is needed');
      await talkOf(here.store, groupId, alice);
      await here.store.withdrawRight({ groupId, userId: alice.userId, sessionId: null, right: 'member' });
      hold((await holderOf(here.store, groupId)) === null, 'the removed member has the floor');
      const { status } = await here.store.request(press(groupId, alice));
      hold(status === 'not_joined', `the removed member was answered ${status}`);
    },
  },
  {
    name: '13. a joiner on another process sees an empty floor',
    async check(scene) {
      const { here, there, groupId } = scene;
      const [alice] = await scene.present('Alice');
      if (!alice) throw new Error('Somebody is needed');
      await talkOf(here.store, groupId, alice);
      const joined = await there.store.join(joinOf(groupId, person('Bob')));
      hold(joined.talk?.speaker.userId === alice.userId, 'the joiner is told that nobody talks');
    },
  },
  {
    name: '14. wall clocks of several machines compared',
    async check(scene) {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const talk = await talkOf(here.store, groupId, alice);
      const realNow = Date.now.bind(Date);
      try {
        for (const skewMs of [3_600_000, -3_600_000]) {
          vi.spyOn(Date, 'now').mockImplementation(() => realNow() + skewMs);
          const { status } = await there.store.request(press(groupId, bob));
          hold(status === 'busy', `by a clock that goes wrong by ${skewMs} ms the answer is ${status}`);
          await there.store.settle({ groupId });
          vi.restoreAllMocks();
          await keepUp(here.store, groupId, 1, [talk.talkId]);
        }
      } finally {
        vi.restoreAllMocks();
      }
      hold((await holderOf(here.store, groupId)) === alice.userId, 'another clock ended the talk');
    },
  },
  {
    name: '15. presence counted up and down instead of leased: ghosts after a crash',
    async check(scene) {
      const { there, groupId, harness } = scene;
      const [alice] = await scene.pair();
      // The process of Alice says nothing any more.
      const { leaseMs, renewMs } = scene.timings;
      for (let passedMs = 0; passedMs < 3 * leaseMs; passedMs += renewMs / 2) {
        // Where there is one process only, nobody renews.
        if (scene.processes === 1) await there.store.settle({ groupId });
        else await keepUp(there.store, groupId, 1);
        if (!(await harness.presence(groupId)).includes(alice.userId)) return;
        await scene.pass(renewMs / 2);
      }
      throw new Violation('who was on the dead process is still shown');
    },
  },
  {
    name: '16. one lost publish, and clients disagree for ever',
    async check(scene) {
      const { here, there, groupId, heard } = scene;
      const [alice] = await scene.present('Alice');
      if (!alice) throw new Error('Somebody is needed');
      const { epoch, seq } = await here.store.snapshot({ groupId, since: null });
      await talkOf(here.store, groupId, alice);
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const endsAtMs = performance.now() + 15_000;
      while (!kinds(heard).includes('ended released') && performance.now() < endsAtMs) await pause(2);
      const numbers = envelopes(heard).flatMap((envelope) => ('seq' in envelope ? [envelope.seq] : []));
      hold(numbers.length > 1 && new Set(numbers).size === numbers.length, 'a lost event leaves no gap in the numbers');
      // The other process heard the end, not the start.
      const healed = await there.store.snapshot({ groupId, since: { epoch, seq } });
      hold(healed.missed !== null && kinds(healed.missed).includes('started'), 'what was lost cannot be read again');
      hold(healed.talk === null, 'the other process is told of a talk that is over');
    },
  },
];
