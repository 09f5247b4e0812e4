import type { CloseReason } from '../close-codes.ts';

/** When the server closes a socket with each of its codes, and what the client does. */
export const closeMeanings: Readonly<Record<CloseReason, string>> = {
  server_shutdown: 'The server stops; another one takes over.',
  token_expired: 'Refresh the token, then connect.',
  slow_consumer: 'The client did not read what it was sent.',
  ping_timeout: 'Nothing was heard for two ping intervals, or for 6 s from who talks.',
  rate_limited: 'It went on after ERROR rate_limited.',
  internal: 'A fault of the server.',
  unauthenticated: 'No HELLO first, a bad one, or no good token: log in.',
  hello_timeout: 'No HELLO within 5 s.',
  protocol_error: 'Three invalid messages, or too much before READY.',
  session_revoked: 'The session has ended: log in.',
  user_disabled: 'The user is disabled or deleted.',
  connection_limit: 'Ten sockets of this user are open.',
  replaced: 'Another socket of this session took over.',
  unsupported_protocol: 'Only unknown subprotocols were offered.',
};

/** RFC 6455's own codes, as far as the server closes with them: always a fault of the client. */
export const frameCloseMeanings: Readonly<Record<number, string>> = {
  1002: 'A frame that breaks RFC 6455 (no mask, reserved bits or opcodes).',
  1003: 'A binary message from a connection that joined no group with audio.',
  1007: 'Text that is not UTF-8.',
  1008: 'A message in more than 64 fragments.',
  1009: 'A message over 8 KiB.',
};
