import type { ConnectionListener } from '../gateway/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { Live } from './create-live.ts';

export interface LiveConnectionListener extends ConnectionListener {
  /** Resolves when what followed from the ends of sockets and sessions so far is done. */
  settled(): Promise<void>;
}

/** What becomes of a group when a socket, a session or a membership of it is gone, and where audio packets go. */
export function createConnectionListener(
  live: Live,
  relay: VoiceRelay,
  onError: (error: unknown, step: string) => void,
): LiveConnectionListener {
  const going = new Set<Promise<void>>();

  function follow(step: string, work: Promise<void>): void {
    const followed = work.catch((error: unknown) => onError(error, step)).finally(() => going.delete(followed));
    going.add(followed);
  }

  return {
    onGone(connection, how) {
      for (const groupId of [...connection.joined]) follow('gone', live.joins.leave(connection, groupId, how));
    },
    onAudio: (connection, packet) => relay.take(connection, packet),
    onRevoked(connection) {
      const { session } = connection;
      for (const groupId of [...connection.joined]) {
        follow('revoked', live.endings.expel(connection, groupId, session.id));
      }
    },
    async onMembershipChanged(connection, groupId, membership, cause) {
      if (!connection.joined.has(groupId)) return;
      if (membership === null) {
        if (cause === 'group_deleted') await live.endings.endGroup(groupId);
        await live.endings.expel(connection, groupId, null);
      } else {
        await live.changes.change(connection, membership);
      }
    },
    async settled() {
      await Promise.allSettled(going);
    },
  };
}
