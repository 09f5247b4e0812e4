import type { z } from 'zod';
import type { Membership } from '../access.ts';
import type { ClientMessage, ClientMessageOf, ClientMessageType } from '../protocol/index.ts';
import type { Connection } from './connection.ts';

/**
 * One kind of client message: who may send it and what happens. The dispatch table is made of these; a type
 * without a module, or a module without an access rule, stops the start.
 */
export interface MessageModule<Type extends ClientMessageType = ClientMessageType> {
  readonly type: Type;
  readonly schema: z.ZodType<ClientMessageOf<Type>>;
  /** `session`: any authenticated connection; `member`: the handler checks membership of `groupId` itself. */
  readonly access: 'session' | 'member';
  /** Called when a valid message has come, before its turn: for what counts from then on. Does not throw. */
  arrives?(connection: Connection, message: ClientMessageOf<Type>): void;
  /**
   * Handles one message. Its one answer (with `re`) is sent by the handler through `connection`.
   * Messages of one connection about one group are started in the order sent: the next starts when the
   * returned promise settles. A handler that goes on in the background (waiting for the media server)
   * returns as soon as its effect on the floor is decided.
   * A thrown `MessageRefused` or `AppError` is answered as `ERROR` by the dispatcher; anything else as
   * `ERROR internal`.
   */
  handle(connection: Connection, message: ClientMessageOf<Type>): Promise<void> | void;
}

/** Why a connection's membership of a group is another than before. */
export type MembershipCause = 'added' | 'changed' | 'removed' | 'group_updated' | 'group_deleted';

/** What the gateway tells the live groups about a socket. */
export interface ConnectionListener {
  /**
   * The socket of `connection` is gone (closed by either side, silent, or replaced). Called once, as soon as it
   * is decided; never for a socket that did not get as far as READY.
   * `replaced`: another socket of the same session took over, so presence is kept for the grace.
   */
  onGone(connection: Connection, how: 'closed' | 'replaced'): void;
  /** Anything at all was heard from this connection (only called while it is watched as a talker). */
  onHeard?(connection: Connection): void;
  /** A binary message of a connection that may send audio. Returns what is wrong with it, null when nothing is. */
  onAudio?(connection: Connection, packet: Buffer): string | null;
  /**
   * The session has ended, or its user is disabled or deleted: what stands on it ends at once, without the
   * grace. `onGone` and the close of the socket follow.
   */
  onRevoked?(connection: Connection, cause: 'session_revoked' | 'user_disabled'): void;
  /**
   * `connection.memberships` has changed for `groupId` (null: no member any more). `GROUP_UPDATED` or
   * `GROUP_REMOVED` is sent when the returned promise settles, at the latest after a second.
   */
  onMembershipChanged?(
    connection: Connection,
    groupId: string,
    membership: Membership | null,
    cause: MembershipCause,
  ): Promise<void> | void;
}

export type AnyMessageModule = { [Type in ClientMessageType]: MessageModule<Type> }[ClientMessageType];
export type { ClientMessage };
