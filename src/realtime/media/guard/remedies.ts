import { setTimeout as pause } from 'node:timers/promises';
import type { GroupRooms } from '../group-rooms.ts';
import { desiredRight, type Floor } from './desired-right.ts';
import type { Enforcer } from './enforcer.ts';
import { CALL_MS } from './limits.ts';
import type { Finding } from './look.ts';

/** A second track may be the last breath of the one before: it counts when it is there still after so long. */
const SECOND_LOOK_MS = 300;

export interface RemedyActions {
  readonly rooms: GroupRooms;
  readonly enforcer: Enforcer;
  /** Throws when it cannot be known. */
  readonly floor: (groupId: string) => Promise<Floor>;
  /** Ends a talk whose media cannot be carried, cause `media_failed`. */
  readonly failTalk: (groupId: string, talkId: string) => Promise<void>;
  /** The room is looked at again and again for a while. */
  readonly watch: (groupId: string) => void;
  /** Counts and reports what was found. */
  readonly note: (groupId: string, finding: Finding) => void;
}

/** Does what each fault of somebody in a room calls for. */
export class Remedies {
  readonly #actions: RemedyActions;
  /** Identities that were seen publishing without the floor by the look before, by group. */
  readonly #caughtBefore = new Map<string, ReadonlySet<string>>();

  constructor(actions: RemedyActions) {
    this.#actions = actions;
  }

  /** What a look at a whole room has found. */
  async applyAll(groupId: string, findings: readonly Finding[]): Promise<void> {
    const before = this.#caughtBefore.get(groupId);
    const caught = findings.filter(({ kind }) => kind === 'track_without_floor').map(({ identity }) => identity);
    if (caught.length > 0) this.#caughtBefore.set(groupId, new Set(caught));
    else this.#caughtBefore.delete(groupId);
    await Promise.all(
      findings.map(async (finding) => {
        const { identity, kind } = finding;
        // LISTEN ends every track: who publishes still is not to be reached by it.
        const isStubborn = kind === 'track_without_floor' && before?.has(identity) === true;
        try {
          await this.apply(groupId, finding);
        } finally {
          if (isStubborn) await this.#expelUnlessAllowed(groupId, identity);
        }
      }),
    );
  }

  async apply(groupId: string, finding: Finding): Promise<void> {
    const { enforcer, note } = this.#actions;
    const { identity, kind } = finding;
    switch (kind) {
      case 'unknown_identity':
      case 'outsider':
        note(groupId, finding);
        return this.#expel(groupId, identity);
      case 'right_without_floor':
      case 'track_without_floor':
        if ((await enforcer.enforce(groupId, identity)) !== 'allowed') note(groupId, finding);
        return;
      case 'right_lost':
        if ((await enforcer.assert(groupId, identity)) === 'allowed') note(groupId, finding);
        return;
      case 'wrong_track':
        return this.#failTalker(groupId, finding);
      case 'second_track':
        await pause(SECOND_LOOK_MS);
        if (await this.#hasSecondTrack(groupId, identity)) await this.#failTalker(groupId, finding);
        return;
      default:
        kind satisfies never;
    }
  }

  async #hasSecondTrack(groupId: string, identity: string): Promise<boolean> {
    const guest = await this.#actions.rooms.guest(groupId, identity, CALL_MS);
    return guest !== null && guest.tracks.length > 1;
  }

  /** Who abuses the floor has lost it. */
  async #failTalker(groupId: string, finding: Finding): Promise<void> {
    const { floor, enforcer, failTalk, note } = this.#actions;
    const { talk } = await floor(groupId);
    if (talk?.identity === finding.identity) {
      note(groupId, finding);
      await failTalk(groupId, talk.talkId);
    }
    await enforcer.enforce(groupId, finding.identity);
  }

  async #expelUnlessAllowed(groupId: string, identity: string): Promise<void> {
    if (desiredRight(identity, await this.#actions.floor(groupId)) === 'listen') await this.#expel(groupId, identity);
  }

  /** First nobody hears him any more, then he is gone; he may come back, and is met then. */
  async #expel(groupId: string, identity: string): Promise<void> {
    const { rooms, watch } = this.#actions;
    watch(groupId);
    try {
      await rooms.setRight(groupId, identity, 'listen', CALL_MS);
    } finally {
      await rooms.remove(groupId, identity, CALL_MS);
    }
  }
}
