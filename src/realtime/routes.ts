import { z } from 'zod';
import { AppError, notFound } from '../errors.ts';
import { noBody, noContent, uuidV7 } from '../http/contract.ts';
import { callerOf, type HttpServer } from '../http/server.ts';
import type { GroupAccess } from './access.ts';
import { type GateRefusal, type MediaGate, mediaIdentity, type MediaServer } from './media/index.ts';
import { media } from './protocol/index.ts';

/** What a reverse proxy says of the request that it asks about; the shape is checked by the gate. */
const forwarded = z.looseObject({
  'x-forwarded-uri': z
    .string()
    .optional()
    .meta({
      description: 'Path and query of the request',
      examples: ['/rtc?access_token=eyJhbGciOiJIUzI1NiJ9.e30.c2lnbmF0dXJl'],
    }),
  'x-forwarded-method': z
    .string()
    .optional()
    .meta({ description: 'Its method', examples: ['GET'] }),
});

const refusals: Readonly<Record<GateRefusal, string>> = {
  no_media_server: 'No media server is configured.',
  request: 'Only one who joins a room with one token, and under one identity, is let through.',
  token: 'This is no media token that counts now: ask for a new one.',
  no_right: 'The session has ended, or does not belong to a member of the group; or this cannot be known now.',
  too_many: 'This session joins too often.',
};

const answer = media.meta({ examples: [{ kind: 'none' }] });

/** What members ask for outside of their sockets. */
export function registerRealtimeRoutes(
  server: HttpServer,
  parts: {
    readonly groups: {
      membershipOf: (...query: [string, string, { isFresh: true }]) => ReturnType<GroupAccess['membershipOf']>;
    };
    readonly realtime: { readonly media: MediaServer };
    readonly mediaGate: MediaGate;
  },
): void {
  const { groups, realtime, mediaGate } = parts;

  server.post(
    '/groups/:id/media-token',
    {
      config: { access: 'session' },
      schema: {
        tags: ['groups'],
        summary: 'How to hear one of my groups: a token for the media server, without the right to publish',
        params: z.strictObject({ id: uuidV7 }),
        body: noBody,
        response: { 200: answer },
      },
    },
    async (request) => {
      const { user, session } = callerOf(request);
      const groupId = request.params.id;
      if ((await groups.membershipOf(user.id, groupId, { isFresh: true })) === null) throw notFound();
      return realtime.media.listenDescription(groupId, mediaIdentity(user.id, session.id));
    },
  );

  server.get(
    '/media/gate',
    {
      config: { access: 'own', refusals: ['forbidden'], ignoresQuery: true },
      schema: {
        tags: ['operations'],
        summary: 'For the reverse proxy in front of the media server: may this request through?',
        headers: forwarded,
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      const { headersDistinct } = request.raw;
      const refusal = await mediaGate.refusalOf({
        uris: headersDistinct['x-forwarded-uri'] ?? [],
        methods: headersDistinct['x-forwarded-method'] ?? [],
        authorizations: headersDistinct['authorization'] ?? [],
      });
      if (refusal === null) return reply.code(204).send();
      request.log.debug({ refusal }, 'not let through to the media server');
      if (refusal === 'too_many') throw new AppError('too_many_requests', refusals[refusal], { retryAfterMs: 60_000 });
      throw new AppError('forbidden', refusals[refusal]);
    },
  );
}
