import type { ConnectionRecord } from '../checker/history.ts';
import type { Person } from './person.ts';
import type { Habits } from './habits.ts';
import type { Random } from './random.ts';
import type { ServerSlot } from './server-slot.ts';
import type { World } from './world.ts';

export interface RunGroup {
  readonly groupId: string;
  readonly shortestLimitMs: number;
  isDeleted: boolean;
}

/** One history in the making: what a fault sees of it. */
export interface Run {
  readonly world: World;
  readonly random: Random;
  /** What everybody has sent and seen so far. */
  readonly connections: readonly ConnectionRecord[];
  /** The groups in which people talk; the last is for probing whether talks can be granted. */
  readonly groups: readonly RunGroup[];
  readonly people: readonly Person[];
  /** One for each process, at home there, silent but when it probes. */
  readonly witnesses: readonly Person[];
  /** Nothing may be granted from now on, by one process or (`null`) by any; until `granting` is called. */
  nothingGranted(process?: number | null): void;
  granting(): void;
  /** Somebody's talk was revoked, or a right was taken, by REST: about to happen. */
  revoked(groupId: string): void;
  removed(by: { readonly groupId: string | null; readonly userId: string | null }): void;
  /** Redis keys and sockets that a fault made itself, and other remarks that count as violations. */
  remark(text: string): void;
  /** Where people who come back go to; all processes when left out. */
  directTo(slots: readonly ServerSlot[] | null): void;
}

/** Something that goes wrong, from outside. */
export interface Fault {
  readonly name: string;
  /** `npm test` tries it too. */
  readonly isShort?: boolean;
  /** How long it lasts between `inject` and `heal`. */
  readonly lastsMs: number;
  /** The longest that it may take after `heal` until every process grants again. */
  readonly recoversWithinMs: number;
  /** Causes of ends that the fault explains by itself. */
  readonly mayEnd?: readonly string[];
  /** The live store is emptied. */
  readonly losesStore?: boolean;
  readonly answerLimitMs?: number;
  readonly habits?: Partial<Habits>;
  inject(run: Run): Promise<void> | void;
  heal(run: Run): Promise<void> | void;
}
