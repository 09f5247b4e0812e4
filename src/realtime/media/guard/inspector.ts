import type { GroupRooms } from '../group-rooms.ts';
import type { Guest } from '../room-control.ts';
import type { Floor } from './desired-right.ts';
import type { Enforcer } from './enforcer.ts';
import { CALL_MS, LIST_MS } from './limits.ts';
import { look } from './look.ts';
import { membersAmong, type Outsiders } from './outsiders.ts';
import type { Remedies } from './remedies.ts';
import { SilentTalkers } from './silent-talkers.ts';

const NOBODY: ReadonlySet<string> = new Set();

export interface InspectorOptions {
  readonly rooms: GroupRooms;
  readonly enforcer: Enforcer;
  /** Throws when it cannot be known. */
  readonly floor: (groupId: string) => Promise<Floor>;
  readonly outsiders: Outsiders;
  readonly remedies: Remedies;
  /** A talker who had published is without a track for too long. */
  readonly onSilentTalker: (groupId: string, identity: string, talkId: string) => void;
}

/** Looks at who is in a room, and sees to what is not right. All throw when that could not be done. */
export class Inspector {
  readonly #options: InspectorOptions;
  readonly #silent = new SilentTalkers();

  constructor(options: InspectorOptions) {
    this.#options = options;
  }

  /** Somebody has joined a room. */
  async joined(groupId: string, guest: Guest): Promise<void> {
    const { floor, outsiders, remedies } = this.#options;
    // Who may publish is met before anything else is asked.
    for (const finding of look([guest], await floor(groupId), NOBODY)) await remedies.apply(groupId, finding);
    const { identity } = guest;
    const found = await outsiders.among(groupId, membersAmong([guest]));
    if (found.has(identity)) await remedies.apply(groupId, { identity, kind: 'outsider' });
  }

  /** Somebody in a room has published a track. */
  async published(groupId: string, identity: string): Promise<void> {
    const { floor, enforcer, remedies, rooms } = this.#options;
    const published = { identity, mayPublish: true, tracks: [{ isVoice: true }] };
    const before = await floor(groupId);
    const findings = look([published], before, NOBODY);
    for (const finding of findings) await remedies.apply(groupId, finding);
    if (findings.length > 0) return;
    // He has the floor, or is just being given it.
    if ((await enforcer.enforce(groupId, identity)) !== 'allowed') return;
    const now = await floor(groupId);
    if (now.talk?.identity === identity) this.#silent.saw(groupId, now.talk.talkId, true);
    const guest = await rooms.guest(groupId, identity, CALL_MS);
    if (guest === null) return;
    for (const finding of look([guest], now, NOBODY)) await remedies.apply(groupId, finding);
  }

  /** Looks at the whole room of a group. */
  async inspect(groupId: string): Promise<void> {
    const { rooms, floor, outsiders, remedies } = this.#options;
    try {
      const before = await floor(groupId);
      const guests = await rooms.guests(groupId, LIST_MS);
      const now = await floor(groupId);
      // What was seen belongs to neither of two talks.
      if (before.talk?.talkId === now.talk?.talkId) this.#seeTalker(groupId, now, guests);
      const found = await outsiders.among(groupId, membersAmong(guests));
      await remedies.applyAll(groupId, look(guests, now, found));
    } catch (error) {
      this.#silent.couldNotLook(groupId);
      throw error;
    }
  }

  #seeTalker(groupId: string, { talk }: Floor, guests: readonly Guest[]): void {
    if (talk === null || talk.identity === null) return this.#silent.forget(groupId);
    const { talkId, identity } = talk;
    const hasTrack = guests.some((guest) => guest.identity === identity && guest.tracks.length > 0);
    if (this.#silent.saw(groupId, talkId, hasTrack)) this.#options.onSilentTalker(groupId, identity, talkId);
  }
}
