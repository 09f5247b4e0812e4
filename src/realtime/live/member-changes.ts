import { v7 as uuid } from 'uuid';
import type { FloorStore } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import type { Membership } from '../access.ts';
import { floorMember } from './floor-member.ts';
import type { LiveGroups } from './live-groups.ts';
import type { Renaming } from './renaming.ts';
import type { RoomMember } from './room.ts';
import type { RoomKeeper } from './room-keeper.ts';
import type { TalkEndings } from './talk-endings.ts';

export interface MemberChangesOptions {
  readonly groups: LiveGroups;
  readonly endings: TalkEndings;
  readonly store: FloorStore;
}

/** Takes what has changed about somebody who is present to the store, which tells the group. */
export class MemberChanges {
  readonly #options: MemberChangesOptions;

  constructor(options: MemberChangesOptions) {
    this.#options = options;
  }

  /** The membership of somebody present has another role or right to talk. */
  async change(connection: Connection, membership: Membership): Promise<void> {
    const groupId = membership.group.id;
    const { groups, endings } = this.#options;
    const keeper = groups.keeper(groupId);
    const entry = groups.entry(groupId, connection);
    if (keeper === undefined || entry === undefined) return;
    const member = floorMember(connection, membership);
    if (member.role === entry.member.role && member.talk === entry.member.talk) return;
    entry.member = member;
    if (membership.talk === 'listen_only') {
      await endings.withdrawRight({ groupId, userId: member.userId, sessionId: null, right: 'talk' });
    } else {
      await this.#tellStore(keeper, entry);
    }
  }

  /** Somebody is called otherwise now: the groups that he is in on this process are told, each once. */
  async rename({ userId, displayName }: Renaming): Promise<void> {
    const renamed: Promise<void>[] = [];
    for (const keeper of this.#options.groups.keepers()) {
      for (const entry of keeper.room.members.values()) {
        if (entry.member.userId !== userId || entry.member.displayName === displayName) continue;
        entry.member = { ...entry.member, displayName };
        if (entry.sent) renamed.push(this.#tellStore(keeper, entry));
      }
    }
    await Promise.all(renamed);
  }

  /** Somebody who is present has changed; who has left, or has come back elsewhere, by the time is let be. */
  #tellStore(keeper: RoomKeeper, entry: RoomMember): Promise<void> {
    const { store } = this.#options;
    const { groupId, members } = keeper.room;
    return keeper.owe(`join ${entry.connection.id}`, async () => {
      if (members.get(entry.connection.id) !== entry) return store.settle({ groupId });
      const { member } = entry;
      const outcome = await store.join({ groupId, member, voiceSessionId: uuid(), since: null, again: true });
      keeper.arrived(outcome);
      return outcome;
    });
  }
}
