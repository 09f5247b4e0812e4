import { auditEntryOnWire } from '../audit/index.ts';
import { pageOf } from '../http/contract.ts';
import { answerPage, placeOf, positionOf } from '../http/cursors.ts';
import type { HttpServer } from '../http/server.ts';
import { auditEntry, auditQuery } from './contract.ts';
import type { AdminRouteParts } from './route-parts.ts';

export function registerAdminAuditRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { audit, cursors } = parts;

  server.get(
    '/admin/audit',
    {
      config: { access: 'admin' },
      schema: {
        tags: ['admin: audit'],
        summary: 'Who did what, newest first',
        querystring: auditQuery,
        response: { 200: pageOf(auditEntry) },
      },
    },
    async (request) => {
      const { groupId, userId, from, to } = request.query;
      const page = await answerPage(
        cursors,
        ['audit', groupId, userId, from?.toISOString(), to?.toISOString()],
        request.query,
        (position, limit) => audit.list({ groupId, userId, from, to }, { after: placeOf(position), limit }),
        (row) => positionOf(row.at, row.id),
      );
      return { ...page, items: page.items.map(auditEntryOnWire) };
    },
  );
}
