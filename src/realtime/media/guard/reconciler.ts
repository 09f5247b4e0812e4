import { CallFailed } from '../call-failed.ts';
import type { OpenRoom } from '../group-rooms.ts';
import type { MediaLog } from '../media-log.ts';

/** Times of the reconciler, in milliseconds. */
export interface ReconcilerTimes {
  /** Between two rounds, at least; up to half of it more, so that processes do not keep step. */
  readonly everyMs: number;
  /** So long after a start, or a return of the media server, every room is looked at. */
  readonly sweepMs: number;
  /** So long a room is looked at in which somebody had what he should not: the life of LiveKit's refresh token. */
  readonly watchMs: number;
}

export const RECONCILER_TIMES: ReconcilerTimes = { everyMs: 2_000, sweepMs: 600_000, watchMs: 600_000 };

/** Rooms that are looked at at once. */
const WIDTH = 8;
/**
 * Quiet rooms that are looked at in a round, of groups with members of this process and of others; where there are more,
 * in turn. They have to be: the media server counts publishers 5 s late.
 */
const OWN_A_ROUND = 300;
const OTHERS_A_ROUND = 50;

export interface ReconcilerActions {
  /** Can the media server be used now? */
  reachable(): Promise<boolean>;
  /** The rooms of this deployment. Throws when the media server does not tell. */
  rooms(): Promise<readonly OpenRoom[]>;
  /** Groups that this process has members in. */
  present(): Iterable<string>;
  /** Looks at one room and does what is to be done; throws when it could not be looked at. */
  inspect(groupId: string): Promise<void>;
}

/**
 * Looks at rooms again and again, so that what no webhook told is found: in each round those of groups in which this
 * process has members, those in which somebody publishes or lately had what he should not, and some of the others in
 * turn; after a start or a return of the media server all.
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
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
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
    await this.#round;
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
    if (this.#isClosed) return;
    try {
      if (!(await this.#actions.reachable())) return;
      const groups = [...this.#choose(await this.#actions.rooms())];
      const worker = async (): Promise<void> => {
        for (let groupId = groups.pop(); groupId !== undefined; groupId = groups.pop()) await this.#inspect(groupId);
      };
      await Promise.all(Array.from({ length: WIDTH }, worker));
      this.#isFailing = false;
    } catch (error) {
      // Who watches over the media server tells that it is away.
      if (error instanceof CallFailed && error.isOutage) return;
      if (!this.#isFailing) this.#log.warn({ err: error }, 'the rooms could not be looked at');
      this.#isFailing = true;
    }
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
