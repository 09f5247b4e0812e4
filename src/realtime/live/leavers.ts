import { setTimeout as pause } from 'node:timers/promises';
import type { FloorStore, GroupSnapshot } from '../floor/index.ts';
import { mediaIdentity, type MediaServer } from '../media/index.ts';
import type { LiveGroups } from './live-groups.ts';

/** Who joins again so soon has not left for good, and keeps his place in the media server's room. */
const LEFT_FOR_GOOD_MS = 1_000;
/** Who joins while he is being put out waits for that, and no longer than this. */
const LONGEST_WAIT_MS = 1_000;

export interface Leaver {
  readonly userId: string;
  readonly sessionId: string;
}

export interface LeaversOptions {
  readonly groups: Pick<LiveGroups, 'apply'>;
  readonly store: Pick<FloorStore, 'snapshot'>;
  readonly media: Pick<MediaServer, 'kind' | 'dismiss'>;
  readonly onError: (error: unknown, step: string) => void;
}

/**
 * Whoever has left a group does not go on hearing it through the media server, whatever his client does. It is not a
 * matter of rights, he is a member still: so in doubt he is let be.
 */
export class Leavers {
  readonly #options: LeaversOptions;
  readonly #waiting = new Map<string, NodeJS.Timeout>();
  readonly #going = new Map<string, Promise<void>>();

  constructor(options: LeaversOptions) {
    this.#options = options;
  }

  /** He has asked to leave; a socket that is lost is not that. */
  left(groupId: string, leaver: Leaver): void {
    if (this.#options.media.kind === 'none') return;
    const key = keyOf(groupId, leaver);
    clearTimeout(this.#waiting.get(key));
    this.#waiting.set(key, setTimeout(() => this.#begin(key, groupId, leaver), LEFT_FOR_GOOD_MS).unref());
  }

  /** He joins. Resolves when nothing that he did before puts him out any more. */
  async joins(groupId: string, leaver: Leaver): Promise<void> {
    const key = keyOf(groupId, leaver);
    clearTimeout(this.#waiting.get(key));
    this.#waiting.delete(key);
    const going = this.#going.get(key);
    if (going !== undefined) await Promise.race([going, pause(LONGEST_WAIT_MS, undefined, { ref: false })]);
  }

  #begin(key: string, groupId: string, leaver: Leaver): void {
    this.#waiting.delete(key);
    const going = this.#putOut(groupId, leaver)
      .catch((error: unknown) => this.#options.onError(error, 'put out who has left'))
      .finally(() => this.#going.delete(key));
    this.#going.set(key, going);
  }

  async #putOut(groupId: string, { userId, sessionId }: Leaver): Promise<void> {
    const { groups, store, media } = this.#options;
    const snapshot = await store.snapshot({ groupId, since: null });
    if (snapshot.published.length > 0) groups.apply(groupId, snapshot);
    // On another device, or on this one by another process: presence is of people.
    if (mayBePresent(snapshot, userId)) return;
    await media.dismiss(groupId, mediaIdentity(userId, sessionId));
  }
}

/** The first 500 stand in a snapshot. A name that holds the id of a user counts as him: he is let be. */
function mayBePresent({ presence, presenceCount }: GroupSnapshot, userId: string): boolean {
  return presenceCount > presence.length || presence.some((text) => text.includes(userId));
}

function keyOf(groupId: string, { userId, sessionId }: Leaver): string {
  return `${groupId} ${userId} ${sessionId}`;
}
