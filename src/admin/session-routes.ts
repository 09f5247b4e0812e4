import { z } from 'zod';
import { noContent, pageOf, uuidV7 } from '../http/contract.ts';
import { answerPage } from '../http/cursors.ts';
import { callerOf, originOf, type HttpServer } from '../http/server.ts';
import { session, sessionsQuery } from './contract.ts';
import type { AdminRouteParts } from './route-parts.ts';

const config = { access: 'admin' } as const;
const shared = { tags: ['admin: sessions'] };

export function registerAdminSessionRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { auth, runChange, cursors } = parts;

  server.get(
    '/admin/sessions',
    {
      config,
      schema: {
        ...shared,
        summary: 'Who is signed in, on which device',
        querystring: sessionsQuery,
        response: { 200: pageOf(session) },
      },
    },
    async (request) => {
      const { userId, from, to } = request.query;
      const currentId = callerOf(request).session.id;
      return answerPage(
        cursors,
        ['sessions', userId, from?.toISOString(), to?.toISOString()],
        request.query,
        (beforeId, limit) => auth.listAllSessions({ userId, from, to }, { beforeId, limit, currentId }),
        (item) => item.id,
      );
    },
  );

  server.delete(
    '/admin/sessions/:id',
    {
      config,
      schema: {
        ...shared,
        summary: 'End a session: its sockets close, its talk ends',
        params: z.strictObject({ id: uuidV7 }),
        response: { 204: noContent },
      },
    },
    async (request, reply) => {
      await runChange(originOf(request), (context) => auth.endSession(context, request.params.id, 'revoked'));
      return reply.code(204).send();
    },
  );
}
