import { z } from 'zod';
import type { AccessUser } from '../access.ts';
import type { LiveConnection } from './connection.ts';
import type { GatewayContext } from './context.ts';
import { applyMembership, deleteGroup, updateGroup } from './membership-changes.ts';
import type { DomainEvent } from './ports.ts';

/** What the gateway reads of an event's payload; the rest is other people's. */
const payloadSchema = z.object({
  sessionId: z.string().optional(),
  userId: z.string().optional(),
  groupId: z.string().optional(),
  role: z.string().optional(),
  displayName: z.string().optional(),
});
type Payload = z.infer<typeof payloadSchema>;

/**
 * Carries what was committed anywhere to the sockets of this process: what ends a session acts at once, in a
 * subscription of its own so that no read delays it; what changes a membership is read anew, because the same
 * event may come twice and an older one after a newer state.
 */
export function followDomainEvents(context: GatewayContext): () => void {
  const { events } = context.ports;
  const unsubscribes = [
    events.subscribe((event) => actAtOnce(context, event.type, payloadOf(event))),
    events.subscribe((event) => changeMembership(context, event.type, payloadOf(event))),
  ];
  return () => {
    for (const unsubscribe of unsubscribes) unsubscribe();
  };
}

function payloadOf({ payload }: DomainEvent): Payload {
  const parsed = payloadSchema.safeParse(payload);
  return parsed.success ? parsed.data : {};
}

function actAtOnce(context: GatewayContext, type: string, payload: Payload): void {
  const { registry, recent, known } = context;
  const { sessionId, userId, groupId } = payload;
  if (type === 'session.ended' && sessionId !== undefined) {
    recent.note(`session ended ${sessionId}`);
    const connection = registry.ofSession(sessionId);
    if (connection) revoke(context, connection, 'session_revoked');
  } else if ((type === 'user.disabled' || type === 'user.deleted') && userId !== undefined) {
    recent.note(`user gone ${userId}`);
    for (const connection of registry.ofUser(userId)) revoke(context, connection, 'user_disabled');
  } else if (type === 'user.updated' && userId !== undefined) {
    for (const connection of registry.ofUser(userId)) connection.user = changeUser(connection.user, payload);
  } else if (type.startsWith('group.') && groupId !== undefined) {
    recent.note(`group ${groupId}`);
    known.forgetGroup(groupId);
  } else if (type.startsWith('member.') && userId !== undefined) {
    recent.note(`memberships of ${userId}`);
    known.forgetUser(userId);
  }
}

function revoke(
  { ports }: GatewayContext,
  connection: LiveConnection,
  cause: 'session_revoked' | 'user_disabled',
): void {
  try {
    ports.listener.onRevoked?.(connection, cause);
  } catch (err) {
    const { id: connectionId, requestId } = connection;
    ports.logger.error({ err, requestId, connectionId, cause }, 'a revocation was not taken over');
  }
  connection.close(cause);
}

function changeUser(user: AccessUser, { role, displayName }: Payload): AccessUser {
  return {
    ...user,
    ...(role === 'admin' || role === 'user' ? { role } : {}),
    ...(displayName === undefined ? {} : { displayName }),
  };
}

async function changeMembership(context: GatewayContext, type: string, { userId, groupId }: Payload): Promise<void> {
  if (groupId === undefined) return;
  if (type === 'group.deleted') await deleteGroup(context, groupId);
  else if (type === 'group.updated') await updateGroup(context, groupId);
  else if (type.startsWith('member.') && userId !== undefined) await applyMembership(context, groupId, userId);
}
