import type { Clock } from '../infra/clock.ts';
import type { Outbox, StoredEvent } from '../infra/outbox/index.ts';
import type { Database } from '../infra/postgres.ts';
import { createReadCache } from '../infra/read-cache.ts';
import { defaultGroupSettings, type GroupSettings, type TalkRight } from './contract.ts';
import * as repo from './repo.ts';
import type { GroupRecord, MemberRecord } from './repo.ts';

/** A group with all its settings. */
export interface GroupView extends Omit<GroupRecord, 'settings'> {
  readonly settings: GroupSettings;
}

export interface MembershipView {
  readonly group: GroupView;
  readonly role: MemberRecord['role'];
  readonly talk: TalkRight;
}

/**
 * Who is in which group, from what this process knows: changes of any process are known as soon as the outbox tells
 * them, and what is known is used for up to 30 min while PostgreSQL is away. `isFresh` reads in any case.
 * The first two throw `dependency_unavailable` when nothing is known and PostgreSQL is away.
 */
export interface Memberships {
  /** All living memberships of a user, ordered by group id. */
  membershipsOf(userId: string, options?: { readonly isFresh?: boolean }): Promise<readonly MembershipView[]>;
  membershipOf(
    userId: string,
    groupId: string,
    options?: { readonly isFresh?: boolean },
  ): Promise<MembershipView | null>;
  /**
   * Is he in this living group? Reads now; while PostgreSQL is away, what this process knows of him counts.
   * Throws `dependency_unavailable` when nothing is known then.
   */
  isMember(userId: string, groupId: string): Promise<boolean>;
}

export function createMemberships(parts: {
  readonly database: Database;
  readonly outbox: Outbox;
  readonly clock: Clock;
}): Memberships {
  const { database } = parts;
  /** By user id. */
  const cache = createReadCache<readonly MembershipView[]>(parts.clock.monotonicMs);

  async function readAll(userId: string): Promise<readonly MembershipView[]> {
    const rows = await database.read((query) => repo.listMemberships(query, userId));
    return rows.map(membershipView);
  }

  function membershipsOf(userId: string, options: { readonly isFresh?: boolean } = {}) {
    const read = () => readAll(userId);
    return options.isFresh === true ? cache.getFresh(userId, read) : cache.get(userId, read);
  }

  parts.outbox.subscribe((event) => forgetWhatChanged(event, cache));

  return {
    membershipsOf,
    membershipOf: async (userId, groupId, options = {}) => {
      if (options.isFresh === true) {
        const row = await database.read((query) => repo.findMembership(query, userId, groupId));
        return row === null ? null : membershipView(row);
      }
      const all = await membershipsOf(userId);
      return all.find((membership) => membership.group.id === groupId) ?? null;
    },
    isMember: async (userId, groupId) => {
      const all = await cache.getNewest(userId, () => readAll(userId));
      return all.some(({ group }) => group.id === groupId);
    },
  };
}

function forgetWhatChanged(
  event: StoredEvent,
  cache: {
    drop(userId: string): void;
    dropWhere(matches: (memberships: readonly MembershipView[]) => boolean): void;
  },
): void {
  const { type, payload } = event;
  if (typeof payload !== 'object' || payload === null) return;
  if (type.startsWith('member.') && 'userId' in payload && typeof payload.userId === 'string') {
    cache.drop(payload.userId);
  } else if (type.startsWith('group.') && 'groupId' in payload) {
    const { groupId } = payload;
    cache.dropWhere((memberships) => memberships.some(({ group }) => group.id === groupId));
  }
}

/** With the defaults of the settings that were never set. */
export function viewOf(group: GroupRecord): GroupView {
  return { ...group, settings: { ...defaultGroupSettings, ...group.settings } };
}

function membershipView(row: { readonly group: GroupRecord; readonly member: MemberRecord }): MembershipView {
  return { group: viewOf(row.group), role: row.member.role, talk: row.member.talk };
}
