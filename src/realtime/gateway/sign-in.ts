import type { AccessSession, AccessUser, Authentication, Membership } from '../access.ts';
import type { ClientMessageOf, CloseReason } from '../protocol/index.ts';
import type { WaitingSocket } from './admission.ts';
import type { GatewayContext } from './context.ts';
import { countUp } from './counters.ts';
import { GatewayConnection } from './gateway-connection.ts';
import { refusalOf } from './message-refused.ts';
import { authenticate } from './old-tokens.ts';
import { claimSession, releaseClaim } from './session-claiming.ts';

/** Events during HELLO may ask for the memberships to be read again; more often than this, one waits for calm. */
const MAX_READS = 5;

type Identity = Extract<Authentication, { ok: true }>;

/** What HELLO found out. */
export interface SignedIn {
  readonly user: AccessUser;
  readonly session: AccessSession;
  readonly expiresAtMs: number;
  readonly memberships: readonly Membership[];
}

/**
 * Who is it, where is he a member, and is this now the session's socket? Answers with the reason to close where
 * it is not to be. Throws `AppError` `dependency_unavailable` when that cannot be known. Whenever `isCurrent`
 * has become false, nothing more is done and the claim, if made, is given back.
 */
export async function signIn(
  context: GatewayContext,
  handshake: WaitingSocket,
  hello: ClientMessageOf<'HELLO'>,
  isCurrent: () => boolean,
): Promise<SignedIn | CloseReason> {
  const { ports } = context;
  const nowMs = (): number => ports.clock.monotonicMs();
  const { admission } = handshake;
  const verified = hello.token === undefined ? admission.authentication : null;
  const startedAtMs = verified ? admission.verifiedAtMs : nowMs();
  const token = hello.token ?? admission.token;
  if (token === null) return 'unauthenticated';
  const identity = verified ?? (await authenticate(context, token));
  if (!identity.ok) return closeReasonOf(identity);
  const { user, session, expiresAtMs } = identity;
  const claimant = {
    userId: user.id,
    sessionId: session.id,
    connectionId: handshake.id,
    requestId: admission.requestId,
    tokenExpiresAtMs: expiresAtMs,
  };
  const { helloNumber } = handshake;
  const isLatest = (): boolean =>
    context.hellos.isLatest(session.id, helloNumber, context.registry.ofSession(session.id)?.helloNumber ?? 0);
  try {
    let readAtMs = nowMs();
    let memberships = await readMemberships(context, user.id);
    if (!isCurrent()) return 'internal';
    if (!isLatest()) return 'replaced';
    if ((await claimSession(context, claimant)) === 'limit') return 'connection_limit';
    for (
      let reads = 1;
      isCurrent() && reads < MAX_READS && outdated(context, user.id, memberships, readAtMs);
      reads += 1
    ) {
      readAtMs = nowMs();
      memberships = await readMemberships(context, user.id);
    }
    const refusal = refusalNow(context, handshake, identity, startedAtMs) ?? (isCurrent() ? null : 'internal');
    if (refusal === null) return { user, session, expiresAtMs, memberships };
    releaseClaim(context, claimant);
    return refusal;
  } catch (error) {
    releaseClaim(context, claimant);
    throw error;
  } finally {
    context.hellos.done(session.id, helloNumber);
  }
}

async function readMemberships({ ports, known }: GatewayContext, userId: string): Promise<readonly Membership[]> {
  try {
    const memberships = await ports.groups.membershipsOf(userId);
    known.remember(userId, memberships);
    return memberships;
  } catch (error) {
    const recalled = refusalOf(error)?.code === 'unavailable' ? known.recall(userId) : null;
    if (recalled === null) throw error;
    return recalled;
  }
}

/** What happened while HELLO was being answered and forbids READY. */
function refusalNow(
  { recent }: GatewayContext,
  handshake: WaitingSocket,
  { user, session }: Identity,
  startedAtMs: number,
): CloseReason | null {
  // A session that has ended never comes back; what was read of it may be older than the event.
  if (recent.happened(`session ended ${session.id}`, -Infinity)) return 'session_revoked';
  if (recent.happened(`user gone ${user.id}`, startedAtMs)) return 'user_disabled';
  return recent.happened(`socket replaced ${handshake.id}`, startedAtMs) ? 'replaced' : null;
}

/** Turns a handshake into a connection, says READY and handles what came meanwhile. */
export function becomeReady(
  context: GatewayContext,
  handshake: WaitingSocket,
  hello: ClientMessageOf<'HELLO'>,
  { user, session, expiresAtMs, memberships }: SignedIn,
): void {
  const { registry, timing, counters, ports } = context;
  // Also where the claim could not be made: within a process the later HELLO always wins.
  registry.ofSession(session.id)?.close('replaced');
  const held = handshake.finish();
  const pingIntervalMs = hello.idlePingMs ?? timing.pingIntervalMs;
  const connection = new GatewayConnection(context, {
    id: handshake.id,
    requestId: handshake.admission.requestId,
    user,
    session,
    tokenExpiresAtMs: expiresAtMs,
    memberships: new Map(memberships.map((membership) => [membership.group.id, membership])),
    pingIntervalMs,
    helloNumber: handshake.helloNumber,
    socket: handshake.socket,
    stream: handshake.stream,
  });
  handshake.socket.receiver = connection;
  registry.add(connection);
  counters.sockets.ready += 1;
  countUp(counters.messages, 'HELLO');
  connection.send({
    type: 'READY',
    re: hello.id,
    connectionId: connection.id,
    user: { id: user.id, username: user.username, displayName: user.displayName, role: user.role },
    session: { ...session, device: { ...session.device } },
    groups: memberships.map(({ group, role, talk }) => ({ id: group.id, name: group.name, role, talk })),
    pingIntervalMs,
    tokenExpiresInMs: Math.max(0, Math.round(expiresAtMs - ports.clock.nowMs())),
  });
  const { id: connectionId, requestId } = connection;
  ports.logger.debug({ requestId, connectionId, userId: user.id, sessionId: session.id }, 'socket ready');
  for (const { data, isBinary } of held) {
    if (isBinary) connection.onBinary(data);
    else connection.onText(data);
  }
}

function closeReasonOf({ reason }: Extract<Authentication, { ok: false }>): CloseReason {
  if (reason === 'token_expired') return 'token_expired';
  if (reason === 'user_disabled') return 'user_disabled';
  return reason === 'session_revoked' ? 'session_revoked' : 'unauthenticated';
}

function outdated(
  context: GatewayContext,
  userId: string,
  memberships: readonly Membership[],
  readAtMs: number,
): boolean {
  return (
    context.recent.happened(`memberships of ${userId}`, readAtMs) ||
    memberships.some(({ group }) => context.recent.happened(`group ${group.id}`, readAtMs))
  );
}
