import { setTimeout as pause } from 'node:timers/promises';
import type { Right } from '../group-rooms.ts';
import { desiredRight, type Floor } from './desired-right.ts';

/** Pauses while a grant is on its way, in milliseconds; they grow. */
const FIRST_PAUSE_MS = 10;
const LONGEST_PAUSE_MS = 100;

export interface EnforcerActions {
  /** Throws when it cannot be known. */
  floor(groupId: string): Promise<Floor>;
  /**
   * Sets a right in the group's order of calls. `overruled`: it is another one all the same, as when another process has
   * set that at the same time. Throws when nothing is confirmed.
   */
  setRight(groupId: string, identity: string, right: Right): Promise<'confirmed' | 'absent' | 'overruled'>;
}

/** What enforcing came to; `allowed`: the identity has the floor. */
export type Enforced = 'allowed' | 'listens' | 'absent';

/** One identity that is being followed. */
interface Run {
  /** The right that was set last; null: none was set, and who has the floor is let be. */
  applied: Right | null;
  /** So many times something happened that is to be looked at. */
  marks: number;
  /** The marks before the right was set last. */
  handled: number;
  /** A right is to be set whatever was set before. */
  mustSet: boolean;
  isAbsent: boolean;
  /** So many times in a row the right was another one than was set. */
  overruled: number;
}

/** A right that is overruled so often is not obeyed at all. */
const MOST_OVERRULED = 5;

/**
 * Brings what an identity may do in a room to what the floor says. The floor is read, the right is set, and the floor
 * is read again until it says what was set last: so of two processes of which one gives and the other takes, whichever
 * call arrives last, the right ends as the floor is.
 */
export class Enforcer {
  readonly #actions: EnforcerActions;
  readonly #limitMs: number;
  readonly #runs = new Map<string, { readonly run: Run; readonly result: Promise<Enforced> }>();

  /** `limitMs`: how long one identity is followed through changes of the floor. */
  constructor(actions: EnforcerActions, limitMs: number) {
    this.#actions = actions;
    this.#limitMs = limitMs;
  }

  /**
   * Takes from an identity a right that it has not got by the floor; who has it is let be. Throws when the floor cannot
   * be known or the right was not confirmed. Calls for an identity that is being followed share the result.
   */
  enforce(groupId: string, identity: string): Promise<Enforced> {
    return this.#follow(groupId, identity, null);
  }

  /** As `enforce`; and who has the floor is given his right, as a call that was made before may have taken it. */
  assert(groupId: string, identity: string): Promise<Enforced> {
    return this.#follow(groupId, identity, 'unknown');
  }

  /** As `assert`, for an identity that was put to LISTEN just now. */
  recheck(groupId: string, identity: string): Promise<Enforced> {
    return this.#follow(groupId, identity, 'listen');
  }

  /** Resolves when nobody is being followed any more. */
  async settled(): Promise<void> {
    await Promise.allSettled([...this.#runs.values()].map(({ result }) => result));
  }

  #follow(groupId: string, identity: string, applied: 'listen' | 'unknown' | null): Promise<Enforced> {
    const key = `${groupId} ${identity}`;
    const running = this.#runs.get(key);
    if (running !== undefined) {
      running.run.marks += 1;
      running.run.mustSet ||= applied !== null;
      return running.result;
    }
    const run: Run = {
      applied: applied === 'listen' ? applied : null,
      marks: 0,
      handled: 0,
      mustSet: applied === 'unknown',
      isAbsent: false,
      overruled: 0,
    };
    const result = this.#untilAgreed(run, groupId, identity).finally(() => this.#runs.delete(key));
    this.#runs.set(key, { run, result });
    return result;
  }

  async #untilAgreed(run: Run, groupId: string, identity: string): Promise<Enforced> {
    const endsAtMs = performance.now() + this.#limitMs;
    let pauseMs = FIRST_PAUSE_MS;
    for (;;) {
      const { marks } = run;
      const wanted = desiredRight(identity, await this.#actions.floor(groupId));
      if (wanted !== 'undecided' && isAgreed(run, wanted, marks)) {
        return wanted === 'speak' ? 'allowed' : run.isAbsent ? 'absent' : 'listens';
      }
      if (performance.now() > endsAtMs) throw new Error('the floor was not decided in time');
      if (wanted === 'undecided') {
        await pause(pauseMs);
        pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
      } else if (wanted === 'listen' || run.applied !== null || run.mustSet) {
        await this.#set(run, groupId, identity, wanted);
        if (run.overruled > MOST_OVERRULED) throw new Error('the right that was set is not obeyed');
        if (run.overruled > 0) await pause(FIRST_PAUSE_MS * run.overruled);
      }
    }
  }

  async #set(run: Run, groupId: string, identity: string, right: Right): Promise<void> {
    run.handled = run.marks;
    run.mustSet = false;
    run.applied = right;
    const outcome = await this.#actions.setRight(groupId, identity, right);
    run.isAbsent = outcome === 'absent';
    run.overruled = outcome === 'overruled' ? run.overruled + 1 : 0;
    run.mustSet ||= outcome === 'overruled';
  }
}

/** `marks`: those from before the floor was read that says `wanted`. */
function isAgreed(run: Run, wanted: Right, marks: number): boolean {
  if (run.mustSet) return false;
  if (run.applied === null) return wanted === 'speak' && marks === run.marks;
  // Who came after the right was set may have come with another one.
  return wanted === run.applied && run.handled === run.marks;
}
