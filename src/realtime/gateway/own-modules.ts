import { clientMessages } from '../protocol/index.ts';
import type { MessageModule } from './message-module.ts';
import { MessageRefused } from './message-refused.ts';

/** HELLO opens a connection (handshake.ts); after READY there is none. */
export const helloModule: MessageModule<'HELLO'> = {
  type: 'HELLO',
  schema: clientMessages.HELLO,
  access: 'session',
  handle() {
    throw new MessageRefused('invalid_message', 'type: HELLO is only the first message of a connection');
  },
};

export const pingModule: MessageModule<'PING'> = {
  type: 'PING',
  schema: clientMessages.PING,
  access: 'session',
  handle(connection, { id }) {
    connection.send({ type: 'PONG', re: id });
  },
};
