import { z } from 'zod';
import { groupChange, managedGroup, newGroup } from './contract.ts';
import { managedGroupOnWire } from '../groups/index.ts';
import { noContent, pageOf, pageQuery, searchText, uuidV7 } from '../http/contract.ts';
import { answerPage } from '../http/cursors.ts';
import { originOf, type HttpServer } from '../http/server.ts';
import type { AdminRouteParts } from './route-parts.ts';

const config = { access: 'admin' } as const;
const shared = { tags: ['admin: groups'] };
const params = z.strictObject({ id: uuidV7 });

export function registerAdminGroupRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { admin, groups, runChange, cursors } = parts;

  server.get(
    '/admin/groups',
    {
      config,
      schema: {
        ...shared,
        summary: 'All groups',
        querystring: z.strictObject({ ...pageQuery, search: searchText }),
        response: { 200: pageOf(managedGroup) },
      },
    },
    async (request) => {
      const { search } = request.query;
      const page = await answerPage(
        cursors,
        ['groups', search],
        request.query,
        (afterId, limit) => groups.list({ search, afterId, limit }),
        (item) => item.id,
      );
      return { ...page, items: page.items.map(managedGroupOnWire) };
    },
  );

  server.post(
    '/admin/groups',
    {
      config: { ...config, refusals: ['not_found', 'user_disabled'] },
      schema: { ...shared, summary: 'Make a group', body: newGroup, response: { 201: managedGroup } },
    },
    async (request, reply) => {
      const made = await runChange(originOf(request), (context) => admin.createGroup(context, request.body));
      return reply.code(201).send(managedGroupOnWire(made));
    },
  );

  server.get(
    '/admin/groups/:id',
    { config, schema: { ...shared, summary: 'One group', params, response: { 200: managedGroup } } },
    async (request) => managedGroupOnWire(await groups.find(request.params.id)),
  );

  server.patch(
    '/admin/groups/:id',
    {
      config,
      schema: { ...shared, summary: 'Change a group', params, body: groupChange, response: { 200: managedGroup } },
    },
    async (request) => {
      const changed = await runChange(originOf(request), (context) =>
        admin.updateGroup(context, request.params.id, request.body),
      );
      return managedGroupOnWire(changed);
    },
  );

  server.delete(
    '/admin/groups/:id',
    { config, schema: { ...shared, summary: 'Delete a group', params, response: { 204: noContent } } },
    async (request, reply) => {
      await runChange(originOf(request), (context) => admin.deleteGroup(context, request.params.id));
      return reply.code(204).send();
    },
  );
}
