import { z } from 'zod';
import { noContent, pageOf, pageQuery, uuidV7 } from '../http/contract.ts';
import { answerPage } from '../http/cursors.ts';
import { callerOf, type HttpServer } from '../http/server.ts';
import { liveGroup } from './contract.ts';
import type { AdminRouteParts } from './route-parts.ts';

const config = { access: 'admin' } as const;
const shared = { tags: ['admin: live'] };

export function registerAdminLiveRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { adminLive, groups, cursors } = parts;

  server.get(
    '/admin/live',
    {
      config,
      schema: {
        ...shared,
        summary: 'Who talks and who is there, in every group',
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(liveGroup) },
      },
    },
    async (request) => {
      const page = await answerPage(
        cursors,
        ['live'],
        request.query,
        (afterId, limit) => groups.list({ search: undefined, afterId, limit }),
        (item) => item.id,
      );
      return { ...page, items: await adminLive.view(page.items) };
    },
  );

  server.delete(
    '/admin/groups/:id/floor',
    {
      config,
      schema: {
        ...shared,
        summary: 'End the talk in a group, if there is one',
        params: z.strictObject({ id: uuidV7 }),
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      await adminLive.revokeTalk({ userId: callerOf(request).user.id, requestId: request.id }, request.params.id);
      return reply.code(204).send();
    },
  );
}
