import type { GroupRooms } from '../group-rooms.ts';
import type { RoomMember } from '../identities.ts';
import { LIST_MS } from './limits.ts';
import type { Out } from './out-list.ts';
import { membersAmong } from './outsiders.ts';

/** The groups in whose rooms somebody may be who was put out. `groupsOf` throws where that is unknown: it may be any. */
export async function groupsToLeave(
  { groupId, userId }: Out,
  rooms: GroupRooms,
  groupsOf: (userId: string) => Promise<readonly string[]>,
): Promise<readonly string[]> {
  if (groupId !== null) return [groupId];
  try {
    return userId === null ? [] : await groupsOf(userId);
  } catch {
    return (await rooms.open(LIST_MS)).map((room) => room.groupId);
  }
}

/** Whom it names of those who are in the room. */
export async function membersNamed(
  { userId, sessionId }: Out,
  rooms: GroupRooms,
  groupId: string,
): Promise<readonly RoomMember[]> {
  if (userId !== null && sessionId !== null) return [{ userId, sessionId }];
  const guests = await rooms.guests(groupId, LIST_MS);
  return membersAmong(guests).filter((member) => userId === null || member.userId === userId);
}
