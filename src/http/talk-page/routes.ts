import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { AppError } from '../../errors.ts';
import type { HttpServer } from '../server.ts';
import { TALK_PATH } from './files.ts';
import type { TalkPageSource } from './source.ts';

const asset = z.strictObject({ file: z.string() });

/** Whom the page may connect to. */
export interface TalkPagePeers {
  /** Where it can be opened at; the server lets no other page connect. */
  readonly allowedOrigins: readonly string[];
  /** Where clients reach the media server, `ws://` or `wss://`; null without one. */
  readonly livekitUrl: string | null;
}

/**
 * The talk page at `/talk` and its assets below. Nothing on it comes from elsewhere, nothing stands inline, and it may
 * use the microphone.
 */
export function registerTalkPage(server: HttpServer, source: TalkPageSource, peers: TalkPagePeers): void {
  const policy = contentPolicy(peers);
  const protect = (reply: FastifyReply): FastifyReply =>
    reply
      .header('content-security-policy', policy)
      .header('permissions-policy', 'microphone=(self), camera=(), geolocation=(), display-capture=()')
      .header('referrer-policy', 'no-referrer');

  server.get(TALK_PATH, { schema: { hide: true }, config: { access: 'public' } }, async (_request, reply) => {
    const files = await source();
    if (files === null) throw new AppError('not_found', 'The talk page is not part of this installation.');
    return protect(reply).header('cache-control', 'no-cache').type('text/html; charset=utf-8').send(files.document);
  });
  server.get(
    `${TALK_PATH}/:file`,
    { schema: { hide: true, params: asset }, config: { access: 'public' } },
    async (request, reply) => {
      const found = (await source())?.assets.get(request.params.file);
      if (found === undefined) throw new AppError('not_found', 'The talk page has no such file.');
      return protect(reply)
        .header('cache-control', 'public, max-age=31536000, immutable')
        .type(found.type)
        .send(found.body);
    },
  );
}

/**
 * WebSockets are named by their own scheme, as not every browser takes them for `'self'`. LiveKit's client asks over
 * HTTP as well, why a connection was refused.
 */
function contentPolicy({ allowedOrigins, livekitUrl }: TalkPagePeers): string {
  const sockets = allowedOrigins.map((origin) => origin.replace(/^http/, 'ws'));
  if (livekitUrl !== null) {
    const { origin } = new URL(livekitUrl);
    sockets.push(origin, origin.replace(/^ws/, 'http'));
  }
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    `connect-src ${["'self'", ...sockets].join(' ')}`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; ');
}
