import { isDeepStrictEqual } from 'node:util';
import type { Membership } from '../access.ts';
import type { ServerMessageOf } from '../protocol/index.ts';
import type { LiveConnection } from './connection.ts';
import type { GatewayContext } from './context.ts';
import type { MembershipCause } from './message-module.ts';
import { within } from './within.ts';

/** How long the live groups may take before the client is told. */
const LISTENER_LIMIT_MS = 1_000;

/** Brings one user's membership of one group up to date on his connections here. */
export async function applyMembership(context: GatewayContext, groupId: string, userId: string): Promise<void> {
  const { registry, ports } = context;
  if (registry.countOfUser(userId) === 0) return;
  const membership = await ports.groups.membershipOf(userId, groupId);
  await each(registry.ofUser(userId), (connection) => apply(context, connection, groupId, membership, 'removed'));
}

/** Name, description or settings of a group are other than before: one read serves all its members. */
export async function updateGroup(context: GatewayContext, groupId: string): Promise<void> {
  const { registry, ports } = context;
  let group: Membership['group'] | null = null;
  for (const { user } of registry.ofMembers(groupId)) {
    group = (await ports.groups.membershipOf(user.id, groupId))?.group ?? null;
    if (group !== null) break;
  }
  if (group === null) return;
  const current = group;
  await each(registry.ofMembers(groupId), async (connection) => {
    const previous = connection.memberships.get(groupId);
    if (previous) await apply(context, connection, groupId, { ...previous, group: current }, 'removed');
  });
}

export async function deleteGroup(context: GatewayContext, groupId: string): Promise<void> {
  await each(context.registry.ofMembers(groupId), (connection) =>
    apply(context, connection, groupId, null, 'group_deleted'),
  );
}

/** Does nothing where nothing is other than before: events come at least once. */
async function apply(
  context: GatewayContext,
  connection: LiveConnection,
  groupId: string,
  membership: Membership | null,
  removal: 'removed' | 'group_deleted',
): Promise<void> {
  const previous = connection.memberships.get(groupId);
  if (membership === null) {
    if (previous === undefined) return;
    connection.memberships.delete(groupId);
    await tellListener(context, connection, groupId, null, removal);
    connection.send({ type: 'GROUP_REMOVED', groupId, cause: removal });
    return;
  }
  connection.memberships.set(groupId, membership);
  const update = updateOf(previous, membership);
  if (update === null) return;
  const cause = previous === undefined ? 'added' : update.me === undefined ? 'group_updated' : 'changed';
  await tellListener(context, connection, groupId, membership, cause);
  connection.send({ type: 'GROUP_UPDATED', groupId, ...update });
}

type Update = Pick<ServerMessageOf<'GROUP_UPDATED'>, 'group' | 'me'>;

/** What is new for the member; who was just added gets both. Null when nothing is. */
function updateOf(previous: Membership | undefined, { group, role, talk }: Membership): Update | null {
  const groupChanged = previous === undefined || !isDeepStrictEqual(previous.group, group);
  const meChanged = previous === undefined || previous.role !== role || previous.talk !== talk;
  if (!groupChanged && !meChanged) return null;
  const { name, description, settings } = group;
  return {
    ...(groupChanged ? { group: { name, description, settings: { ...settings } } } : {}),
    ...(meChanged ? { me: { role, talk } } : {}),
  };
}

async function tellListener(
  context: GatewayContext,
  connection: LiveConnection,
  groupId: string,
  membership: Membership | null,
  cause: MembershipCause,
): Promise<void> {
  const { listener, logger } = context.ports;
  try {
    const telling = listener.onMembershipChanged?.(connection, groupId, membership, cause);
    if (telling) await within(telling, LISTENER_LIMIT_MS);
  } catch (err) {
    const { id: connectionId, requestId } = connection;
    logger.error({ err, requestId, connectionId, groupId, cause }, 'a change of membership was not taken over');
  }
}

async function each(
  connections: readonly LiveConnection[],
  work: (connection: LiveConnection) => Promise<void>,
): Promise<void> {
  await Promise.all(connections.map((connection) => work(connection)));
}
