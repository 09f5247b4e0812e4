import {
  emptyGroup,
  type FloorEvent,
  type FloorEventKind,
  type FloorMember,
  type FloorPolicy,
  floorTimings,
  type GroupState,
  step,
} from '../../src/realtime/floor/index.ts';

const groupId = 'g';
const policy: FloorPolicy = {
  maxTalkMs: 9_000,
  contendedTalkMs: 4_000,
  queueLimit: 2,
  cooldownMs: 1_000,
  managerPreempts: true,
  emergency: 'allowed',
};

/** How often each event is tried; most of those that end something are rare, so that states last. */
const CHANCES: readonly (readonly [string, number])[] = [
  ['join', 40],
  ['same session back', 20],
  ['request', 120],
  ['commit', 60],
  ['right refused', 20],
  ['release', 30],
  ['leave', 20],
  ['socket gone', 30],
  ['revoke', 15],
  ['right lost', 20],
  ['time over', 50],
  ['store lost', 2],
  ['renew', 40],
];

/** Three members, one of them the manager. */
const sessions = ['alice', 'bob', 'manager'] as const;

/** The state of the diagram that a group is in. */
function placeOf({ life, talk, pending }: GroupState): string {
  if (life === null) return '[*]';
  if (talk === null) return pending === null ? 'Idle' : 'Pending';
  if (pending !== null) return 'Preempting';
  return talk.graceAtMs === null ? 'Taken' : 'Grace';
}

/**
 * One group that is taken from event to event by chance. `seen` gets every change as `from | event | to`; what leaves
 * the floor as it was is none.
 */
export class FloorWalk {
  readonly #seen: Set<string>;
  /** A number below its argument. */
  readonly #draw: (below: number) => number;
  /** Without a media server a grant is one step. */
  readonly #oneStep: boolean;
  #state: GroupState = emptyGroup;
  #nowMs = 1_700_000_000_000;
  #dueInMs: number | null = null;
  #generation = 1;
  #count = 0;

  constructor(seen: Set<string>, draw: (below: number) => number) {
    this.#seen = seen;
    this.#draw = draw;
    this.#oneStep = draw(8) === 0;
    for (const sessionId of sessions) this.#join('join', sessionId);
  }

  /** One event by chance, of those that the diagram names. */
  go(): void {
    this.#steps[this.#pick()]?.();
  }

  readonly #steps: Readonly<Record<string, () => void>> = {
    join: () => this.#join('join'),
    'same session back': () => {
      const { talk } = this.#state;
      if (talk) this.#join('same session back', talk.sessionId);
    },
    request: () => {
      this.#count += 1;
      this.#take('request', 'request', {
        groupId,
        member: this.#member(this.#anybody()),
        talkId: `talk ${this.#count}`,
        token: `token ${this.#count}`,
        streamId: this.#count,
        identity: `identity ${this.#count}`,
        queue: this.#draw(2) === 0,
        emergency: this.#draw(4) === 0,
        oneStep: this.#oneStep,
        policy,
      });
    },
    commit: () => {
      const { pending } = this.#state;
      if (pending) this.#take('commit', 'commit', { groupId, talkId: pending.talkId, token: pending.token, policy });
    },
    'right refused': () => {
      const { pending } = this.#state;
      if (!pending) return;
      const silenced = this.#draw(2) === 0 ? 'media_failed' : null;
      this.#take('right refused', 'cancel', {
        groupId,
        talkId: pending.talkId,
        token: pending.token,
        silenced,
        rightGiven: true,
      });
    },
    release: () => this.#take('release', 'release', { groupId, ...this.#connection(this.#anybody()), talkId: null }),
    leave: () => this.#take('leave', 'leave', { groupId, ...this.#connection(this.#anybody()), how: 'left' }),
    'socket gone': () => {
      const how = this.#draw(2) === 0 ? 'closed' : 'replaced';
      this.#take('socket gone', 'leave', { groupId, ...this.#connection(this.#anybody()), how });
    },
    revoke: () => {
      const talkId = this.#draw(2) === 0 ? null : (this.#state.talk?.talkId ?? null);
      this.#take('revoke', 'end', { groupId, talkId, cause: 'revoked' });
    },
    'right lost': () => {
      const right = this.#draw(2) === 0 ? 'member' : 'talk';
      this.#take('right lost', 'withdrawRight', { groupId, userId: this.#anybody(), sessionId: null, right });
    },
    'time over': () => {
      if (this.#dueInMs === null) return;
      this.#nowMs += this.#dueInMs;
      this.#take('time over', 'settle', { groupId });
    },
    'store lost': () => {
      this.#generation += 1;
      this.#take('store lost', 'settle', { groupId });
    },
    renew: () => {
      this.#nowMs += this.#draw(Math.min(this.#dueInMs ?? 500, 500) + 1);
      const honouredTalkIds = this.#state.talk ? [this.#state.talk.talkId] : [];
      this.#take('time over', 'renew', { groupId, honouredTalkIds, members: this.#state.members.size });
    },
  };

  #pick(): string {
    let left = this.#draw(CHANCES.reduce((sum, [, chance]) => sum + chance, 0));
    return CHANCES.find(([, chance]) => (left -= chance) < 0)?.[0] ?? 'renew';
  }

  #anybody(): string {
    return sessions[this.#draw(sessions.length)] ?? 'alice';
  }

  /** The session's living connection; one that nobody knows where it has none. */
  #connection(sessionId: string): { readonly sessionId: string; readonly connectionId: string } {
    const member = this.#state.members.get(sessionId);
    return { sessionId, connectionId: member?.swapAtMs === null ? member.connectionId : 'gone' };
  }

  #member(sessionId: string): FloorMember {
    return {
      ...this.#connection(sessionId),
      userId: sessionId,
      displayName: sessionId,
      role: sessionId === 'manager' ? 'group_manager' : 'member',
      talk: 'allowed',
    };
  }

  #join(label: string, sessionId = this.#anybody()): void {
    // Over another socket it is the talker who comes back.
    if (label === 'join' && this.#state.talk?.sessionId === sessionId) return;
    this.#count += 1;
    const member = { ...this.#member(sessionId), connectionId: `connection ${this.#count}` };
    this.#take(label, 'join', { groupId, member, voiceSessionId: 'v', since: null });
  }

  #take<K extends FloorEventKind>(label: string, kind: K, input: FloorEvent<K>['input']): void {
    const before = this.#state;
    const context = { processId: 'p', generation: this.#generation, quietUntilMs: 0, timings: floorTimings };
    const { state, answer } = step(before, { kind, input }, this.#nowMs, context);
    this.#state = state;
    this.#dueInMs = answer.dueInMs;
    const change = [placeOf(before), label, placeOf(state)] as const;
    const isOther = change[0] !== change[2] || asksOf(before) !== asksOf(state);
    if (isOther) this.#seen.add(change.join(' | '));
  }
}

/** Who has the floor and who is being given it. */
function asksOf({ talk, pending }: GroupState): string {
  return `${talk?.talkId ?? ''} ${pending?.talkId ?? ''}`;
}
