import type { UserRecord } from '../users/index.ts';
import type { Group, ManagedGroup, Member } from './contract.ts';
import type { MemberRecord } from './repo.ts';
import type { GroupView } from './memberships.ts';
import type { ManagedGroupView } from './service.ts';

export function groupOnWire(group: GroupView): Group {
  return { ...group, createdAt: group.createdAt.toISOString() };
}

export function managedGroupOnWire(group: ManagedGroupView): ManagedGroup {
  return { ...groupOnWire(group), managerId: group.managerId };
}

export function memberOnWire(member: MemberRecord & { readonly user: UserRecord }): Member {
  return {
    userId: member.userId,
    username: member.user.username,
    displayName: member.user.displayName,
    role: member.role,
    talk: member.talk,
    joinedAt: member.joinedAt.toISOString(),
  };
}
