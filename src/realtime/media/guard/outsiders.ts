import { memberOf, type RoomMember } from '../identities.ts';
import { mediaIdentity } from '../port.ts';
import type { Guest } from '../room-control.ts';
import { KnownMembers } from './known-members.ts';
import { type Out, OutList } from './out-list.ts';

/** Who of these may not be in the room of the group, being no member or of no living session. Throws when unknown. */
export type OutsidersOf = (groupId: string, members: readonly RoomMember[]) => Promise<readonly RoomMember[]>;

/** Knows who may not be in a room, without asking for everybody at every look. */
export class Outsiders {
  readonly #outsidersOf: OutsidersOf;
  readonly #outs: OutList;
  readonly #known = new KnownMembers();

  /** `rememberMs`: so long who was put out is one also while it cannot be asked. */
  constructor(outsidersOf: OutsidersOf, rememberMs: number) {
    this.#outsidersOf = outsidersOf;
    this.#outs = new OutList(rememberMs);
  }

  putOut(whom: Out): void {
    this.#outs.add(whom);
  }

  /** He may be there again. */
  forgive(whom: Out): void {
    this.#outs.forgive(whom);
  }

  /**
   * The identities of those who may not be in the room. While that cannot be asked, those who were put out lately, and
   * nobody else.
   */
  async among(groupId: string, members: readonly RoomMember[]): Promise<ReadonlySet<string>> {
    const open = members.filter((member) => this.#outs.has(groupId, member) || !this.#known.has(groupId, member));
    if (open.length === 0) return new Set();
    let outsiders: readonly RoomMember[];
    try {
      outsiders = await this.#outsidersOf(groupId, open);
      this.#known.add(groupId, open);
    } catch {
      outsiders = open.filter((member) => this.#outs.has(groupId, member));
    }
    for (const member of outsiders) this.#known.drop(groupId, member);
    return new Set(outsiders.map(({ userId, sessionId }) => mediaIdentity(userId, sessionId)));
  }
}

/** Those whose identity this deployment has given out. */
export function membersAmong(guests: readonly Guest[]): readonly RoomMember[] {
  return guests.flatMap(({ identity }) => memberOf(identity) ?? []);
}
