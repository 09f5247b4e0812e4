import {
  emptyGroup,
  type FloorEvent,
  type FloorEventKind,
  type FloorMember,
  type FloorPolicy,
  floorTimings,
  type GroupState,
  type LeaveInput,
  parseEnvelope,
  type RequestInput,
  type Step,
  step,
} from '../../src/realtime/floor/index.ts';

export const groupId = 'g';
export const START_MS = 1_700_000_000_000;
export const policy: FloorPolicy = {
  maxTalkMs: 60_000,
  contendedTalkMs: 20_000,
  queueLimit: 2,
  cooldownMs: 2_000,
  managerPreempts: true,
  emergency: 'allowed',
};

export function member(name: string, overrides: Partial<FloorMember> = {}): FloorMember {
  return {
    userId: name,
    displayName: name,
    sessionId: `${name}-session`,
    connectionId: `${name}-connection`,
    role: 'member',
    talk: 'allowed',
    ...overrides,
  };
}

export const alice = member('alice');
export const bob = member('bob');
export const carol = member('carol');
export const manager = member('manager', { role: 'group_manager' });
export const tablet = member('alice', { sessionId: 'tablet-session', connectionId: 'tablet-connection' });
export const everybody = [alice, bob, carol, manager, tablet];

/** A group whose time the test sets, and what its last step said. */
export class Group {
  state: GroupState = emptyGroup;
  nowMs = START_MS;
  /** As the store says it: `started alice-talk`, `ended alice-talk released`, `H bob-talk`, … without presence. */
  said: string[] = [];
  readonly history: string[] = [];
  generation = 1;
  quietUntilMs = 0;

  constructor() {
    for (const each of everybody) this.join(each);
    this.after(floorTimings.presenceFlushMs);
  }

  take<K extends FloorEventKind>(kind: K, input: FloorEvent<K>['input'], processId = 'here'): Step<K>['answer'] {
    const { generation, quietUntilMs } = this;
    const context = { processId, generation, quietUntilMs, timings: floorTimings };
    const { state, answer, effects } = step(this.state, { kind, input }, this.nowMs, context);
    this.state = state;
    this.said = effects.published.flatMap(say);
    for (const record of effects.history) {
      this.history.push(record.kind === 'talk' ? `${record.talkId} ${record.cause}` : record.kind);
    }
    return answer;
  }

  join(who: FloorMember, processId = 'here'): Step<'join'>['answer'] {
    return this.take('join', { groupId, member: who, voiceSessionId: 'v', since: null }, processId);
  }

  press(who: FloorMember, overrides: Partial<RequestInput> = {}): Step<'request'>['answer'] {
    return this.take('request', {
      groupId,
      member: who,
      talkId: `${who.userId}-talk`,
      token: `${who.userId}-token`,
      streamId: 1,
      identity: `${who.userId}-identity`,
      queue: false,
      emergency: false,
      oneStep: true,
      policy,
      ...overrides,
    });
  }

  commit(who: FloorMember): Step<'commit'>['answer'] {
    return this.take('commit', { groupId, talkId: `${who.userId}-talk`, token: `${who.userId}-token`, policy });
  }

  release(who: FloorMember, talkId: string | null = null): boolean {
    const { sessionId, connectionId } = who;
    return this.take('release', { groupId, sessionId, connectionId, talkId }).released;
  }

  leave(who: FloorMember, how: LeaveInput['how']): void {
    this.take('leave', { groupId, sessionId: who.sessionId, connectionId: who.connectionId, how });
  }

  cancel(who: FloorMember, isSilenced: boolean): void {
    const talkId = `${who.userId}-talk`;
    this.take('cancel', {
      groupId,
      talkId,
      token: `${who.userId}-token`,
      silenced: isSilenced ? 'media_failed' : null,
      rightGiven: true,
    });
  }

  end(cause: 'revoked' | 'media_failed', talkId: string | null = null): boolean {
    return this.take('end', { groupId, talkId, cause }).ended.length > 0;
  }

  withdraw(who: FloorMember, right: 'member' | 'talk'): void {
    this.take('withdrawRight', { groupId, userId: who.userId, sessionId: null, right });
  }

  renew(honoured: readonly string[]): boolean {
    return this.take('renew', { groupId, honouredTalkIds: honoured, members: this.state.members.size }).known;
  }

  /** Time goes by, in which `here` renews presence and the talk that is open. */
  after(ms: number): void {
    const endMs = this.nowMs + ms;
    while (endMs - this.nowMs > floorTimings.renewMs) {
      this.nowMs += floorTimings.renewMs;
      this.renew(this.state.talk ? [this.state.talk.talkId] : []);
      if (this.said.length > 0) return;
    }
    this.nowMs = endMs;
    this.take('settle', { groupId });
  }

  get position(): string {
    const { talk, pending, queue } = this.state;
    const waiters = queue.map((waiter) => waiter.userId).join(',');
    return [talk && `taken ${talk.userId}`, pending && `pending ${pending.userId}`, waiters && `queued ${waiters}`]
      .filter(Boolean)
      .join(', ');
  }
}

export function say(payload: string): string[] {
  const envelope = parseEnvelope(payload);
  switch (envelope?.kind) {
    case 'started':
      return [`started ${envelope.talkId}`];
    case 'ended':
      return [`ended ${envelope.talkId} ${envelope.cause}`];
    case 'handover':
      return [`handover ${envelope.talkId}`];
    case 'queue':
      return [`queue ${envelope.places.map((place) => place.connectionId).join(',')}`];
    case 'queue_failed':
      return [`failed ${envelope.connectionId} ${envelope.cause}`];
    case 'presence':
    case 'other':
    case undefined:
    default:
      return [];
  }
}

export type Setting = (group: Group) => void;

export const idle: Setting = () => {};
export const taken: Setting = (group) => group.press(alice);
export const takenByEmergency: Setting = (group) => group.press(alice, { emergency: true });
export const pending: Setting = (group) => group.press(alice, { oneStep: false });
export const queued: Setting = (group) => {
  group.press(alice);
  group.press(bob, { queue: true });
  group.press(carol, { queue: true });
};
export const preempting: Setting = (group) => {
  group.press(alice, { oneStep: false });
  group.commit(alice);
  group.press(bob, { emergency: true, oneStep: false });
};

export interface Row {
  /** The row of floor.md's table. */
  readonly row: string;
  readonly from: Setting;
  /** Returns what the asker is answered. */
  readonly event: (group: Group) => unknown;
  /** What of the answer matters. */
  readonly answer?: object | boolean;
  readonly next: string;
  readonly effects?: readonly string[];
}

export const aliceAsSpeaker = { userId: 'alice', displayName: 'alice' };
export const busyWithAlice = { status: 'busy', holder: aliceAsSpeaker };

export interface Played {
  readonly answer: unknown;
  readonly next: string;
  readonly effects: readonly string[];
  /** The state that the event met: as it was then, and as it is afterwards. */
  readonly before: readonly [GroupState, GroupState];
}

/** Plays one row on a group of its own. */
export function play({ from, event }: Row): Played {
  const group = new Group();
  from(group);
  const met = group.state;
  const kept = structuredClone(met);
  const answer = event(group);
  return { answer, next: group.position, effects: group.said, before: [kept, met] };
}
