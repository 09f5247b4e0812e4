import { CallFailed } from '../call-failed.ts';
import type { OpenRoom } from '../group-rooms.ts';
import type { MediaLog } from '../media-log.ts';
import { Census } from './census.ts';

/** Times of the reconciler, in milliseconds. */
export interface ReconcilerTimes {
  /** Between two lists of the rooms, at least. */
  readonly censusMs: number;
  /** Between two rounds, at least; up to half of it more, so that processes do not keep step. */
  readonly everyMs: number;
  /** So long after a start, or a return of the media server, every room is looked at. */
  readonly sweepMs: number;
  /** So long a room is looked at in which somebody had what he should not: the life of LiveKit's refresh token. */
  readonly watchMs: number;
}

export const RECONCILER_TIMES: ReconcilerTimes = {
  censusMs: 500,
  everyMs: 2_000,
  sweepMs: 600_000,
  watchMs: 600_000,
};

/** Rooms that are looked at at once. */
const WIDTH = 8;
/** Each room of the list makes the pause to the next longer: reading one of 2 000 rooms takes this process 30 ms. */
const CENSUS_ROOM_MS = 0.25;
/**
 * Quiet rooms that are looked at in a round, of groups with members of this process and of others; where there are more,
 * in turn.
 */
const OWN_A_ROUND = 100;
const OTHERS_A_ROUND = 50;

export interface ReconcilerActions {
  /** The rooms of this deployment. Throws when the media server does not tell. */
  rooms(): Promise<readonly OpenRoom[]>;
  /** Groups that this process has members in. */
  present(): Iterable<string>;
  /** Looks at one room and does what is to be done; throws when it could not be looked at. */
  inspect(groupId: string): Promise<void>;
}

/**
 * Looks at rooms again and again, so that what no webhook told is found. At once where the list of rooms says that
 * something has changed; and in each round at those of groups in which this process has members, those in which somebody
 * publishes or lately had what he should not, and some of the others in turn; after a start or a return of the media
 * server all.
 */
export class Reconciler {
  readonly #actions: ReconcilerActions;
  readonly #times: ReconcilerTimes;
  readonly #log: MediaLog;
  readonly #nowMs: () => number;
  /** By group, until when its room is looked at. */
  readonly #watched = new Map<string, number>();
  #sweepsUntilMs = 0;
  readonly #own = new InTurn(OWN_A_ROUND);
  readonly #others = new InTurn(OTHERS_A_ROUND);
  readonly #census = new Census();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #censusTimer: NodeJS.Timeout | undefined;
  #counting: Promise<void> = Promise.resolve();
  #isClosed = false;
  #isFailing = false;

  constructor(
    actions: ReconcilerActions,
    times: ReconcilerTimes,
    log: MediaLog,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#actions = actions;
    this.#times = times;
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** From now on and for `sweepMs` every room is looked at in each round; the first begins now. */
  sweep(): void {
    this.#sweepsUntilMs = this.#nowMs() + this.#times.sweepMs;
    this.#plan(0);
    if (this.#censusTimer === undefined) this.#planCensus(0);
  }

  /** Looks at a room in each round for `watchMs`. */
  watch(groupId: string): void {
    this.#watched.delete(groupId);
    this.#watched.set(groupId, this.#nowMs() + this.#times.watchMs);
  }

  /** Resolves when the round under way has ended; there will be no other. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#censusTimer);
    await Promise.all([this.#round, this.#counting]);
  }

  #planCensus(delayMs: number): void {
    if (this.#isClosed) return;
    this.#censusTimer = setTimeout(() => {
      this.#counting = this.#count().then((rooms) => this.#planCensus(this.#times.censusMs + rooms * CENSUS_ROOM_MS));
    }, delayMs).unref();
  }

  /** Looks where the list of rooms has changed. Returns how many rooms there are. */
  async #count(): Promise<number> {
    let count = 0;
    await this.#telling(async () => {
      const rooms = await this.#actions.rooms();
      count = rooms.length;
      const { groups, wasStartedAgain } = this.#census.take(rooms, this.#nowMs());
      if (wasStartedAgain) this.sweep();
      await this.#inspectAll(groups);
    });
    return count;
  }

  #plan(delayMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      // One after the other, also where a sweep asks for one while one is going on.
      this.#round = this.#round.then(() => this.#lookAround()).then(() => this.#plan(this.#pauseMs()));
    }, delayMs).unref();
  }

  #pauseMs(): number {
    return this.#times.everyMs * (1 + Math.random() / 2);
  }

  async #lookAround(): Promise<void> {
    await this.#telling(async () => {
      await this.#inspectAll(this.#choose(await this.#actions.rooms()));
      this.#isFailing = false;
    });
  }

  /** Tells of a failure that nobody else tells of, once for all that follow. */
  async #telling(work: () => Promise<void>): Promise<void> {
    if (this.#isClosed) return;
    try {
      await work();
    } catch (error) {
      // Who watches over the media server tells that it is away.
      if (error instanceof CallFailed && error.isOutage) return;
      if (!this.#isFailing) this.#log.warn({ err: error }, 'the rooms could not be looked at');
      this.#isFailing = true;
    }
  }

  async #inspectAll(groupIds: Iterable<string>): Promise<void> {
    const groups = [...groupIds];
    const worker = async (): Promise<void> => {
      for (let groupId = groups.pop(); groupId !== undefined; groupId = groups.pop()) await this.#inspect(groupId);
    };
    await Promise.all(Array.from({ length: Math.min(WIDTH, groups.length) }, worker));
  }

  async #inspect(groupId: string): Promise<void> {
    if (this.#isClosed) return;
    try {
      await this.#actions.inspect(groupId);
    } catch {
      // Looked at again in the next round, also where nobody publishes any more.
      this.watch(groupId);
    }
  }

  #choose(rooms: readonly OpenRoom[]): Set<string> {
    const nowMs = this.#nowMs();
    for (const [groupId, untilMs] of this.#watched) if (untilMs <= nowMs) this.#watched.delete(groupId);
    const sweeps = nowMs < this.#sweepsUntilMs;
    const present = new Set(this.#actions.present());
    const chosen = new Set(this.#watched.keys());
    const [own, others]: [string[], string[]] = [[], []];
    for (const { groupId, publishers } of rooms) {
      if (sweeps || publishers > 0) chosen.add(groupId);
      else if (!chosen.has(groupId)) (present.has(groupId) ? own : others).push(groupId);
    }
    for (const groupId of [...this.#own.nextOf(own), ...this.#others.nextOf(others)]) chosen.add(groupId);
    return chosen;
  }
}

/** Takes so many of a list that changes at a time, in the order of their ids, and after the last the first again. */
class InTurn {
  readonly #most: number;
  #last = '';

  constructor(most: number) {
    this.#most = most;
  }

  nextOf(groupIds: readonly string[]): readonly string[] {
    const sorted = groupIds.toSorted();
    const after = sorted.filter((groupId) => groupId > this.#last);
    const next = [...after, ...sorted].slice(0, Math.min(this.#most, sorted.length));
    this.#last = next.at(-1) ?? '';
    return next;
  }
}
