import { setTimeout as pause } from 'node:timers/promises';
import type { Person } from './person.ts';
import type { Random } from './random.ts';

/** How often people do what; the weights are relative. */
export type Habits = Readonly<
  Record<
    | 'talk'
    | 'tap'
    | 'queue'
    | 'emergency'
    | 'askTwice'
    | 'revoke'
    | 'leave'
    | 'reset'
    | 'drop'
    | 'close'
    | 'freeze'
    | 'replace'
    | 'authenticate'
    | 'ping',
    number
  >
>;

export const usualHabits: Habits = {
  talk: 40,
  tap: 8,
  queue: 16,
  emergency: 4,
  askTwice: 4,
  revoke: 4,
  leave: 5,
  reset: 3,
  drop: 2,
  close: 2,
  freeze: 1,
  replace: 2,
  authenticate: 2,
  ping: 6,
};

export interface Life {
  readonly random: Random;
  readonly habits: Habits;
  /** The longest that anybody talks of his own will. */
  readonly mostTalkMs: number;
  readonly signal: AbortSignal;
}

/** A person does as his habits and chance say until `signal`; then he lets go of what he holds. */
export async function live(person: Person, life: Life): Promise<void> {
  const { random, signal } = life;
  const over = (): boolean => signal.aborted || person.isOut;
  while (!over()) {
    if (!(await comeBack(person, random))) continue;
    await act(person, life);
    await pause(random.between(0, 60));
  }
}

/** Connects and joins; false when it did not work this time. */
export async function comeBack(person: Person, random: Random): Promise<boolean> {
  if (person.isThere) return true;
  if (!person.isReady) await pause(person.backOffMs(random.next()));
  try {
    await person.renewIfNeeded();
  } catch {
    // whoever gives tokens is away
    await pause(200);
    return false;
  }
  if (await person.appear()) return true;
  await pause(random.between(50, 300));
  return false;
}

async function act(person: Person, life: Life): Promise<void> {
  const { random, habits } = life;
  const groups = [...person.joined];
  if (groups.length === 0) return;
  const [held] = person.holding.keys();
  if (held !== undefined) return talkOn(person, held, life);
  const groupId = random.pick(groups);
  switch (random.weighted(habits)) {
    case 'talk':
      return ask(person, groupId, {}, life);
    case 'queue':
      return ask(person, groupId, { queue: true }, life);
    case 'emergency':
      return ask(person, groupId, { emergency: true, queue: random.chance(0.5) }, life);
    case 'tap':
      person.send('REQUEST_TALK', { groupId, queue: random.chance(0.3) });
      await person.ask('RELEASE_TALK', { groupId });
      return;
    case 'askTwice':
      person.send('REQUEST_TALK', { groupId });
      return ask(person, groupId, {}, life);
    case 'revoke':
      await person.ask('REVOKE_TALK', { groupId });
      return;
    case 'leave':
      await person.ask('LEAVE_GROUP', { groupId });
      await pause(random.between(0, 300));
      return;
    case 'reset':
      return person.reset();
    case 'drop':
      return person.drop();
    case 'close':
      return person.close();
    case 'freeze':
      await person.freeze(random.between(200, 4_000));
      if (random.chance(0.7)) person.reset();
      return;
    case 'replace':
      return person.replace();
    case 'authenticate':
      return authenticate(person);
    case 'ping':
      await person.ask('PING');
      return;
    default:
      return;
  }
}

async function ask(
  person: Person,
  groupId: string,
  fields: Readonly<Record<string, unknown>>,
  life: Life,
): Promise<void> {
  const answer = await person.ask('REQUEST_TALK', { groupId, ...fields });
  if (answer?.type === 'TALK_GRANTED') return talkOn(person, groupId, life);
  if (answer?.type !== 'TALK_QUEUED') return;
  await pause(life.random.between(0, 1_500));
  if (person.holding.has(groupId)) return talkOn(person, groupId, life);
  await person.ask('RELEASE_TALK', { groupId });
}

/** Talks for a while and lets go, or does not come to that. */
async function talkOn(person: Person, groupId: string, life: Life): Promise<void> {
  const { random } = life;
  const talkId = person.holding.get(groupId);
  await pause(random.between(0, random.chance(0.1) ? life.mostTalkMs * 2 : life.mostTalkMs));
  const way = random.weighted({ release: 70, named: 14, leave: 3, reset: 5, drop: 2, close: 2, freeze: 1, again: 3 });
  switch (way) {
    case 'named':
      await person.ask('RELEASE_TALK', { groupId, ...(talkId === undefined ? {} : { talkId }) });
      return;
    case 'leave':
      await person.ask('LEAVE_GROUP', { groupId });
      return;
    case 'reset':
      return person.reset();
    case 'drop':
      return person.drop();
    case 'close':
      return person.close();
    case 'freeze':
      await person.freeze(random.between(500, 8_000));
      return;
    case 'again':
      await person.ask('REQUEST_TALK', { groupId });
      return;
    case 'release':
      await person.ask('RELEASE_TALK', { groupId });
      return;
    default:
      way satisfies never;
  }
}

async function authenticate(person: Person): Promise<void> {
  try {
    await person.refresh();
  } catch {
    return;
  }
  await person.ask('AUTHENTICATE', { token: person.tokens.accessToken });
}
