import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { AppError, invalidField } from '../../errors.ts';
import { SUBPROTOCOL } from '../protocol/index.ts';

const bearer = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;
const socketKey = /^[+/0-9A-Za-z]{22}==$/;
const protocolList = /^[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*[ \t]*$/;

/** What a request must be for the server to hand it to the upgrade handler at all; anything else is plain HTTP. */
export function isSocketUpgrade(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.toLowerCase() === 'websocket';
}

/** Throws `validation_failed` for a handshake that RFC 6455 section 4.2.1 does not know. */
export function checkHandshake(headers: IncomingHttpHeaders): void {
  if (!socketKey.test(headers['sec-websocket-key'] ?? '')) {
    throw invalidField('sec-websocket-key', 'must be 16 bytes in base64');
  }
  if (headers['sec-websocket-version'] !== '13') {
    throw new AppError('upgrade_required', 'sec-websocket-version: must be 13');
  }
  const offered = headers['sec-websocket-protocol'];
  if (offered !== undefined && (!protocolList.test(offered) || hasDoubles(splitProtocols(offered)))) {
    throw invalidField('sec-websocket-protocol', 'must be a list of names, each once');
  }
}

/** Throws `origin_not_allowed`. No `Origin` at all is a native client, which no web page can act for. */
export function checkOrigin(origin: string | undefined, allowedOrigins: readonly string[]): void {
  if (origin === undefined || allowedOrigins.includes(origin)) return;
  throw new AppError('origin_not_allowed', 'Web pages of this origin may not connect; see ALLOWED_ORIGINS.');
}

/** The bearer token; null without the header. Throws `token_invalid` for another scheme. */
export function readBearer(authorization: string | undefined): string | null {
  if (authorization === undefined) return null;
  const token = bearer.exec(authorization)?.[1];
  if (token === undefined) throw new AppError('token_invalid', 'Authorization: must be "Bearer <access token>"');
  return token;
}

/**
 * The subprotocol to answer with. Where none of those offered is known the first is echoed, because clients drop
 * a socket without an answer to their offer before they could read why it is closed.
 */
export function chooseProtocol(offered: ReadonlySet<string>): string | false {
  if (offered.has(SUBPROTOCOL)) return SUBPROTOCOL;
  return offered.values().next().value ?? false;
}

/** Were subprotocols offered, and is none of them spoken here? */
export function offersOnlyUnknown(header: string | undefined): boolean {
  return header !== undefined && !splitProtocols(header).includes(SUBPROTOCOL);
}

function splitProtocols(header: string): string[] {
  return header.split(',').map((name) => name.trim());
}

function hasDoubles(names: readonly string[]): boolean {
  return new Set(names).size < names.length;
}
