import type { CurrentTalk } from '../../talk/room.ts';

const SESSION_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Which of these participants is heard: the holder of the floor, by a name that only their session has; or, when the
 * holder talks over the WebSocket, the server's own bridge. Nobody while the floor is free or one's own; nobody else ever.
 */
export function heardIdentity(identities: readonly string[], groupId: string, talk: CurrentTalk | null): string | null {
  if (talk === null || talk.mine) return null;
  const ofHolder = `u_${talk.speaker.userId}.`;
  const bridge = `bridge.${groupId}`;
  return (
    identities.find((one) => one.startsWith(ofHolder) && SESSION_ID.test(one.slice(ofHolder.length))) ??
    identities.find((one) => one === bridge) ??
    null
  );
}
