import { z } from 'zod';
import { notFound } from '../errors.ts';
import { noBody, uuidV7 } from '../http/contract.ts';
import { callerOf, type HttpServer } from '../http/server.ts';
import type { GroupAccess } from './access.ts';
import { mediaIdentity, type MediaServer } from './media/index.ts';
import { media } from './protocol/index.ts';

const answer = media.meta({ examples: [{ kind: 'none' }] });

/** What members ask for outside of their sockets. */
export function registerRealtimeRoutes(
  server: HttpServer,
  parts: {
    readonly groups: {
      membershipOf: (...query: [string, string, { isFresh: true }]) => ReturnType<GroupAccess['membershipOf']>;
    };
    readonly realtime: { readonly media: MediaServer };
  },
): void {
  const { groups, realtime } = parts;

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
}
