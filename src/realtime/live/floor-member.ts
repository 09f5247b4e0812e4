import type { Membership } from '../access.ts';
import type { FloorMember } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';

/** What the floor knows of a member: his account, and his membership as of now. */
export function floorMember(connection: Connection, membership: Membership): FloorMember {
  return {
    sessionId: connection.session.id,
    connectionId: connection.id,
    userId: connection.user.id,
    displayName: connection.user.displayName,
    role: membership.role,
    talk: membership.talk,
  };
}
