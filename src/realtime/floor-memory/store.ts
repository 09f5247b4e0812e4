import type {
  CancelInput,
  Change,
  CommitInput,
  CommitOutcome,
  EndInput,
  EndOutcome,
  FloorEventKind,
  FloorHistorySource,
  FloorInputs,
  FloorStore,
  FloorTimings,
  GroupSnapshot,
  GroupState,
  JoinInput,
  JoinOutcome,
  LeaveInput,
  Publishers,
  ReleaseInput,
  ReleaseOutcome,
  RenewInput,
  RenewOutcome,
  RequestInput,
  RequestOutcome,
  SnapshotInput,
  Step,
  StepContext,
  WithdrawRightInput,
} from '../floor/index.ts';
import { emptyGroup, floorTimings, isForgettable, step } from '../floor/index.ts';
import { MemoryHistory } from './history.ts';

export interface MemoryFloorStoreOptions {
  /** Hands a payload to the subscribers of a group's channel; must not throw. */
  readonly publish: (groupId: string, payload: string) => void;
  /** Of this live store, which is as new as its process (floor.md "Epochs"). */
  readonly generation: number;
  /** Nothing is granted for so long from now on; 0 when nobody can hold a right from an earlier life. */
  readonly quietMs?: number;
  /** A step has added to the history. */
  readonly onNoted?: () => void;
  readonly timings?: FloorTimings;
  /** Milliseconds since 1970 that never step back. */
  readonly now?: () => number;
}

/** The only process there is. */
const PROCESS_ID = 'process';

/**
 * The floor in this process's memory: one step of the state machine a decision. A step is taken over and its
 * payloads are published before the method returns its promise, so nobody sees it half done.
 */
export class MemoryFloorStore implements FloorStore {
  readonly kind = 'memory';
  readonly #publish: MemoryFloorStoreOptions['publish'];
  readonly #now: () => number;
  readonly #onNoted: () => void;
  readonly #context: StepContext;
  readonly #groups = new Map<string, GroupState>();
  readonly #history = new MemoryHistory((groupId) => {
    const { life, seen } = this.stateOf(groupId);
    return { voiceSessionId: life?.voiceSessionId ?? null, participants: seen.size };
  });
  /** Payloads that are not handed out yet; a subscriber that takes a step itself adds to it. */
  readonly #outgoing: { groupId: string; payload: string }[] = [];
  #publishing = false;

  constructor(options: MemoryFloorStoreOptions) {
    this.#publish = options.publish;
    this.#onNoted = options.onNoted ?? (() => undefined);
    this.#now = options.now ?? monotonicNow;
    this.#context = {
      processId: PROCESS_ID,
      generation: options.generation,
      quietUntilMs: options.quietMs ? this.#now() + options.quietMs : 0,
      timings: options.timings ?? floorTimings,
    };
  }

  /** What PostgreSQL has not stored yet. */
  get history(): FloorHistorySource {
    return this.#history;
  }

  /** The state of a group as it is, without doing what is due; for inspection. */
  stateOf(groupId: string): GroupState {
    return this.#groups.get(groupId) ?? emptyGroup;
  }

  async join(input: JoinInput): Promise<JoinOutcome> {
    return this.#take('join', input);
  }

  async leave(input: LeaveInput): Promise<Change> {
    return this.#take('leave', input);
  }

  async request(input: RequestInput): Promise<RequestOutcome> {
    return this.#take('request', input);
  }

  async commit(input: CommitInput): Promise<CommitOutcome> {
    return this.#take('commit', input);
  }

  async cancel(input: CancelInput): Promise<Change> {
    return this.#take('cancel', input);
  }

  async release(input: ReleaseInput): Promise<ReleaseOutcome> {
    return this.#take('release', input);
  }

  async end(input: EndInput): Promise<EndOutcome> {
    return this.#take('end', input);
  }

  async withdrawRight(input: WithdrawRightInput): Promise<Change> {
    return this.#take('withdrawRight', input);
  }

  async rightsCleared(input: { groupId: string; identities: readonly string[] }): Promise<void> {
    this.#take('rightsCleared', input);
  }

  async renew(input: RenewInput): Promise<RenewOutcome> {
    return this.#take('renew', input);
  }

  async settle(input: { groupId: string }): Promise<Change> {
    return this.#take('settle', input);
  }

  async snapshot(input: SnapshotInput): Promise<GroupSnapshot> {
    return this.#take('snapshot', input);
  }

  async publishers(input: { groupId: string }): Promise<Publishers> {
    return this.#take('publishers', input);
  }

  async liveGroups(): Promise<readonly string[]> {
    return [...this.#groups].filter(([, state]) => state.life !== null).map(([groupId]) => groupId);
  }

  /**
   * The live state ends with its process: open talks end `lost` and voice sessions close at once, as nobody is left to
   * do it after the grace. Their records can still be read from `history`.
   */
  async close(): Promise<void> {
    for (const groupId of await this.liveGroups()) {
      this.#take('end', { groupId, talkId: null, cause: 'lost' });
      const { life, seen } = this.stateOf(groupId);
      if (life === null) continue;
      const { voiceSessionId } = life;
      this.#groups.delete(groupId);
      const endMs = Math.floor(this.#now());
      this.#history.add(groupId, { kind: 'closed', voiceSessionId, endMs, participants: seen.size });
    }
  }

  #take<K extends FloorEventKind>(kind: K, input: FloorInputs[K]): Step<K>['answer'] {
    const { groupId } = input;
    const { state, answer, effects } = step(
      this.stateOf(groupId),
      { kind, input },
      Math.floor(this.#now()),
      this.#context,
    );
    if (isForgettable(state)) this.#groups.delete(groupId);
    else this.#groups.set(groupId, state);
    for (const record of effects.history) this.#history.add(groupId, record);
    if (effects.history.length > 0) this.#onNoted();
    for (const payload of effects.published) this.#outgoing.push({ groupId, payload });
    this.#handOut();
    return answer;
  }

  /**
   * In the order of the steps, also when a subscriber takes the next step while it is told of this one. A fault of
   * a subscriber keeps nothing from the others; it is thrown when all is handed out.
   */
  #handOut(): void {
    if (this.#publishing) return;
    this.#publishing = true;
    const faults: unknown[] = [];
    for (let next = this.#outgoing.shift(); next; next = this.#outgoing.shift()) {
      try {
        this.#publish(next.groupId, next.payload);
      } catch (fault) {
        faults.push(fault);
      }
    }
    this.#publishing = false;
    if (faults.length > 0) throw new AggregateError(faults, 'Subscribers of a group failed');
  }
}

function monotonicNow(): number {
  return performance.timeOrigin + performance.now();
}
