import type { IncomingMessage } from 'node:http';
import { v7 as uuidv7 } from 'uuid';

const acceptable = /^[A-Za-z0-9._-]{1,64}$/;

/** The caller's `X-Request-Id` when it is acceptable, else a new one. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && acceptable.test(given) ? given : uuidv7();
}

/** The acceptable `X-Request-Id` in bytes that could not be read as HTTP, if it stands there. */
export function requestIdIn(packet: unknown): string | undefined {
  if (!Buffer.isBuffer(packet)) return undefined;
  const [head = ''] = packet.toString('latin1').split('\r\n\r\n', 1);
  return /\r\nx-request-id:[ \t]*([A-Za-z0-9._-]{1,64})[ \t]*(?:\r\n|$)/i.exec(head)?.[1];
}
