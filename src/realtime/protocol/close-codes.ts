/**
 * Why the server closes a socket. 4000–4499: reconnect with back-off; 4500–4999: do not.
 * 1003, 1007 and 1009 are RFC 6455 section 7.4.1's own.
 */
export const CloseCode = {
  server_shutdown: 4000,
  token_expired: 4001,
  slow_consumer: 4002,
  ping_timeout: 4003,
  rate_limited: 4004,
  internal: 4005,
  unauthenticated: 4500,
  hello_timeout: 4501,
  protocol_error: 4502,
  session_revoked: 4503,
  user_disabled: 4504,
  connection_limit: 4505,
  replaced: 4506,
  unsupported_protocol: 4507,
} as const;

export type CloseReason = keyof typeof CloseCode;

/** The subprotocol that this server speaks. */
export const SUBPROTOCOL = 'neda.v1';
