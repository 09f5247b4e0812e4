import type { HistoryRecord } from './history-source.ts';
import type {
  Ask,
  Cooldown,
  GroupLife,
  GroupState,
  PresentMember,
  PresentPerson,
  Reservation,
  Talk,
} from './machine-state.ts';
import { EVENT_LOG_LENGTH, type FloorTimings } from './model.ts';

/** What a step knows besides the state and the event. */
export interface StepContext {
  /** The process that asks. */
  readonly processId: string;
  readonly generation: number;
  /** Nothing is granted before. */
  readonly quietUntilMs: number;
  readonly timings: FloorTimings;
}

/** A map that is copied by its first change, so that the state it came from stays as it was. */
class DraftMap<K, V> {
  #map: ReadonlyMap<K, V>;
  #own: Map<K, V> | null = null;

  constructor(map: ReadonlyMap<K, V>) {
    this.#map = map;
  }

  get size(): number {
    return this.#map.size;
  }

  get(key: K): V | undefined {
    return this.#map.get(key);
  }

  set(key: K, value: V): void {
    this.#change().set(key, value);
  }

  delete(key: K): void {
    if (this.#map.has(key)) this.#change().delete(key);
  }

  clear(): void {
    if (this.#map.size > 0) this.#map = this.#own = new Map();
  }

  /** The entries as they are now; changing the map while reading them is safe. */
  entries(): [K, V][] {
    return [...this.#map];
  }

  values(): Iterable<V> {
    return this.#map.values();
  }

  result(): ReadonlyMap<K, V> {
    return this.#map;
  }

  #change(): Map<K, V> {
    if (this.#own === null) this.#map = this.#own = new Map(this.#map);
    return this.#own;
  }
}

/** A group while one step works on it. What the step began with is never changed. */
export class Draft {
  readonly groupId: string;
  readonly context: StepContext;
  readonly nowMs: number;
  life: GroupLife | null;
  talk: Talk | null;
  pending: Reservation | null;
  rights: readonly string[];
  queue: readonly Ask[];
  log: readonly string[];
  seen: ReadonlySet<string>;
  readonly members: DraftMap<string, PresentMember>;
  readonly people: DraftMap<string, PresentPerson>;
  readonly processes: DraftMap<string, number>;
  readonly dirty: DraftMap<string, 'in' | 'out'>;
  readonly cooldown: DraftMap<string, Cooldown>;
  readonly published: string[] = [];
  readonly history: HistoryRecord[] = [];

  constructor(state: GroupState, groupId: string, context: StepContext, nowMs: number) {
    this.groupId = groupId;
    this.context = context;
    this.nowMs = nowMs;
    this.life = state.life;
    this.talk = state.talk;
    this.pending = state.pending;
    this.rights = state.rights;
    this.queue = state.queue;
    this.log = state.log;
    this.seen = state.seen;
    this.members = new DraftMap(state.members);
    this.people = new DraftMap(state.people);
    this.processes = new DraftMap(state.processes);
    this.dirty = new DraftMap(state.dirty);
    this.cooldown = new DraftMap(state.cooldown);
  }

  /** Changes what is numbered and timed, in a group that is live. */
  setLife(change: Partial<GroupLife>): void {
    if (this.life !== null) this.life = { ...this.life, ...change };
  }

  /** Sends a note that carries no number. */
  publish(payload: string): void {
    this.published.push(payload);
  }

  /**
   * Numbers an event, keeps it in the log and publishes its final bytes.
   * @param line what processes read after the number: the kind and its words
   * @param tail the fields of the message after `seq`, as JSON text without braces
   * @returns the number
   */
  number(line: string, type: string, tail: string): number {
    if (this.life === null) return 0;
    const { epoch } = this.life;
    const seq = this.life.seq + 1;
    this.setLife({ seq });
    const bytes = `{"type":"${type}","groupId":"${this.groupId}","epoch":${epoch},"seq":${seq},${tail}}`;
    const payload = `1 E ${epoch} ${seq} ${line}\n${bytes}`;
    this.log = [...this.log, payload].slice(-EVENT_LOG_LENGTH);
    this.publish(payload);
    return seq;
  }

  result(): GroupState {
    const { life, talk, pending, rights, queue, log, seen } = this;
    return {
      life,
      talk,
      pending,
      rights,
      queue,
      log,
      seen,
      members: this.members.result(),
      people: this.people.result(),
      processes: this.processes.result(),
      dirty: this.dirty.result(),
      cooldown: this.cooldown.result(),
    };
  }
}
