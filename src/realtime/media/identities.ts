const ID = '[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}';
const IDENTITY = new RegExp(`^u_(${ID})\\.(${ID})$`);

/** A session of a user, as he is known in rooms. */
export interface RoomMember {
  readonly userId: string;
  readonly sessionId: string;
}

/** Whose identity that is; null for one that `mediaIdentity` does not make. */
export function memberOf(identity: string): RoomMember | null {
  const [, userId, sessionId] = IDENTITY.exec(identity) ?? [];
  return userId === undefined || sessionId === undefined ? null : { userId, sessionId };
}
