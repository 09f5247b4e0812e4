import type { MediaLog } from './media-log.ts';

/** How the keeper of tainted identities reaches the room. All throw when the media server does not do it. */
export interface TaintActions {
  /** Is it worth trying now? */
  reachable(): Promise<boolean>;
  /**
   * One more LISTEN and a look at what became of it, in the group's order of calls. Calls nothing when `wanted`
   * says no at its turn.
   */
  assertListen(groupId: string, identity: string, wanted: () => boolean): Promise<'listens' | 'may_publish' | 'absent'>;
  remove(groupId: string, identity: string, wanted: () => boolean): Promise<void>;
}

/** Times of the keeper, in milliseconds. */
export interface TaintTimes {
  /** Pause between two rounds. */
  readonly roundMs: number;
  /** A SPEAK without an answer may be carried out this much later: so long the identity is looked at. */
  readonly settleMs: number;
  /** After that the keeper gives up: the life of LiveKit's own refresh token. */
  readonly lifeMs: number;
}

export const TAINT_TIMES: TaintTimes = { roundMs: 500, settleMs: 10_000, lifeMs: 600_000 };

/** A right that is still there after so many confirmed withdrawals is ended by removing the participant. */
const REMOVE_AFTER = 3;
/** Calls under way at once in a round. */
const WIDTH = 16;

interface Taint {
  readonly groupId: string;
  readonly identity: string;
  readonly sinceMs: number;
  /** Until then a SPEAK without an answer may still be carried out. */
  settledAtMs: number;
  disobeyed: number;
}

/**
 * Identities that may hold a right to publish which they should not have, because a call was not confirmed. Only
 * LISTEN is ever asserted here: who may speak is decided by the floor, perhaps in another process by now.
 */
export class TaintedIdentities {
  readonly #actions: TaintActions;
  readonly #times: TaintTimes;
  readonly #log: MediaLog;
  readonly #taints = new Map<string, Taint>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> = Promise.resolve();
  #closed = false;

  constructor(actions: TaintActions, times: TaintTimes, log: MediaLog) {
    this.#actions = actions;
    this.#times = times;
    this.#log = log;
  }

  get size(): number {
    return this.#taints.size;
  }

  /**
   * From now on LISTEN is asserted until it is read back; where a call that gives the right may still be carried
   * out (`lateSpeak`), for `settleMs` at least.
   */
  add(groupId: string, identity: string, lateSpeak: boolean): void {
    if (this.#closed) return;
    const key = keyOf(groupId, identity);
    const nowMs = performance.now();
    const taint = this.#taints.get(key) ?? { groupId, identity, sinceMs: nowMs, settledAtMs: nowMs, disobeyed: 0 };
    if (lateSpeak) taint.settledAtMs = nowMs + this.#times.settleMs;
    this.#taints.set(key, taint);
    this.#schedule();
  }

  /** The identity has just been given the right to speak, or has been seen without it. */
  forget(groupId: string, identity: string): void {
    this.#taints.delete(keyOf(groupId, identity));
  }

  /** Stops asserting. Resolves when the round under way has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#taints.clear();
    clearTimeout(this.#timer);
    await this.#round;
  }

  #schedule(): void {
    if (this.#closed || this.#timer !== undefined || this.#taints.size === 0) return;
    this.#timer = setTimeout(() => {
      this.#round = this.#assertAll().finally(() => {
        this.#timer = undefined;
        this.#schedule();
      });
    }, this.#times.roundMs).unref();
  }

  async #assertAll(): Promise<void> {
    this.#giveUpOld();
    if (this.#taints.size === 0 || !(await this.#actions.reachable())) return;
    const open = [...this.#taints.values()];
    const worker = async (): Promise<void> => {
      for (let taint = open.pop(); taint !== undefined; taint = open.pop()) await this.#assert(taint);
    };
    await Promise.all(Array.from({ length: WIDTH }, worker));
  }

  async #assert(taint: Taint): Promise<void> {
    const { groupId, identity } = taint;
    const wanted = (): boolean => this.#taints.get(keyOf(groupId, identity)) === taint;
    try {
      const seen = await this.#actions.assertListen(groupId, identity, wanted);
      if (!wanted()) return;
      if (seen === 'may_publish') {
        taint.disobeyed += 1;
        if (taint.disobeyed >= REMOVE_AFTER) await this.#actions.remove(groupId, identity, wanted);
      } else if (performance.now() >= taint.settledAtMs) {
        this.forget(groupId, identity);
      }
    } catch {
      // Still tainted: the next round tries again.
    }
  }

  #giveUpOld(): void {
    const oldestMs = performance.now() - this.#times.lifeMs;
    for (const { groupId, identity, sinceMs } of this.#taints.values()) {
      if (sinceMs > oldestMs) continue;
      this.forget(groupId, identity);
      this.#log.warn({ groupId, identity }, 'the end of a right to speak could not be confirmed');
    }
  }
}

function keyOf(groupId: string, identity: string): string {
  return `${groupId} ${identity}`;
}
