import { z } from 'zod';
import type { Out } from './out-list.ts';

const payloadSchema = z.object({
  userId: z.string().optional(),
  sessionId: z.string().optional(),
  groupId: z.string().optional(),
});

/** What a committed change means for who may be in rooms; null: nothing. */
export function roomChangeOf(event: {
  readonly type: string;
  readonly payload: unknown;
}): { readonly kind: 'out' | 'in'; readonly whom: Out } | null {
  const parsed = payloadSchema.safeParse(event.payload);
  if (!parsed.success) return null;
  const { userId = null, sessionId = null, groupId = null } = parsed.data;
  switch (event.type) {
    // A user who is disabled or deleted loses his sessions, one by one.
    case 'session.ended':
      return userId === null || sessionId === null ? null : { kind: 'out', whom: { groupId: null, userId, sessionId } };
    case 'member.removed':
      return groupId === null || userId === null ? null : { kind: 'out', whom: { groupId, userId, sessionId: null } };
    case 'member.added':
      return groupId === null || userId === null ? null : { kind: 'in', whom: { groupId, userId, sessionId: null } };
    case 'group.deleted':
      return groupId === null ? null : { kind: 'out', whom: { groupId, userId: null, sessionId: null } };
    default:
      return null;
  }
}
