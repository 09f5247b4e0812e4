import { z } from 'zod';
import type { DomainEvent } from '../gateway/index.ts';

/** What was taken from whom; `groupId` and `sessionId` null: in all groups, of all sessions. */
export interface Loss {
  readonly userId: string;
  readonly sessionId: string | null;
  readonly groupId: string | null;
  readonly right: 'member' | 'talk';
}

const payloadSchema = z.object({
  userId: z.string(),
  sessionId: z.string().optional(),
  groupId: z.string().optional(),
  talk: z.string().optional(),
});

/**
 * What a committed change takes away from talkers. Whoever is connected is told by his sockets; a talk whose socket is
 * gone has nothing but its grace, and must not outlive the right that it stands on (floor.md "taken | member removed,
 * talk right taken, user disabled, session ended"). Null for changes that take nothing.
 */
export function lossOf({ type, payload }: DomainEvent): Loss | null {
  const parsed = payloadSchema.safeParse(payload);
  if (!parsed.success) return null;
  const { userId, sessionId = null, groupId = null, talk } = parsed.data;
  switch (type) {
    case 'session.ended':
      return sessionId === null ? null : { userId, sessionId, groupId: null, right: 'member' };
    case 'user.disabled':
    case 'user.deleted':
      return { userId, sessionId: null, groupId: null, right: 'member' };
    case 'member.removed':
      return groupId === null ? null : { userId, sessionId: null, groupId, right: 'member' };
    case 'member.changed':
      return groupId === null || talk !== 'listen_only' ? null : { userId, sessionId: null, groupId, right: 'talk' };
    default:
      return null;
  }
}
