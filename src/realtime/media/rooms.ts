const groupIdForm = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** Rooms are named `KEY_PREFIX` + `neda.` + group id; those of another prefix are never touched (protocol.md). */
export function roomOf(keyPrefix: string, groupId: string): string {
  return `${keyPrefix}neda.${groupId}`;
}

/** Null for a room of another deployment, also of one whose prefix begins with this one's. */
export function groupOf(keyPrefix: string, room: string): string | null {
  const start = roomOf(keyPrefix, '');
  if (!room.startsWith(start)) return null;
  const groupId = room.slice(start.length);
  return groupIdForm.test(groupId) ? groupId : null;
}
