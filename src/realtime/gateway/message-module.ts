import type { z } from 'zod';
import type { ClientMessage, ClientMessageOf, ClientMessageType, ServerMessage } from '../protocol/index.ts';
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
  /**
   * Handles one message. Its one answer (with `re`) is sent by the handler through `connection`.
   * Messages of one connection about one group are started in the order sent: the next starts when the
   * returned promise settles. A handler that goes on in the background (waiting for the media server)
   * returns as soon as its effect on the floor is decided.
   * A thrown `AppError` is answered as `ERROR` by the dispatcher; anything else as `ERROR internal`.
   */
  handle(connection: Connection, message: ClientMessageOf<Type>): Promise<void> | void;
}

/** What the gateway tells the live groups about a socket. */
export interface ConnectionListener {
  /**
   * The socket of `connection` is gone (closed by either side, silent, or replaced).
   * `replaced`: another socket of the same session took over, so presence is kept for the grace.
   */
  onGone(connection: Connection, how: 'closed' | 'replaced'): void;
  /** Anything at all was heard from this connection (only called while it is watched as a talker). */
  onHeard?(connection: Connection): void;
}

export type AnyMessageModule = { [Type in ClientMessageType]: MessageModule<Type> }[ClientMessageType];
export type { ClientMessage, ServerMessage };
