import { z } from 'zod';
import { member, memberChange, newManager } from './contract.ts';
import { memberOnWire } from '../groups/index.ts';
import { noContent, pageOf, pageQuery, uuidV7 } from '../http/contract.ts';
import { answerPage } from '../http/cursors.ts';
import { originOf, type HttpServer } from '../http/server.ts';
import type { AdminRouteParts } from './route-parts.ts';

const config = { access: 'admin' } as const;
const shared = { tags: ['admin: groups'] };
const groupParams = z.strictObject({ id: uuidV7 });
const memberParams = z.strictObject({ id: uuidV7, userId: uuidV7 });

export function registerAdminMemberRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { admin, groups, runChange, cursors } = parts;

  server.get(
    '/admin/groups/:id/members',
    {
      config,
      schema: {
        ...shared,
        summary: 'Who is in a group',
        params: groupParams,
        querystring: z.strictObject(pageQuery),
        response: { 200: pageOf(member) },
      },
    },
    async (request) => {
      const groupId = request.params.id;
      const page = await answerPage(
        cursors,
        ['members', groupId],
        request.query,
        async (afterId, limit) => {
          await groups.find(groupId);
          return groups.listMembers(groupId, { afterId, limit });
        },
        (item) => item.userId,
      );
      return { ...page, items: page.items.map(memberOnWire) };
    },
  );

  server.put(
    '/admin/groups/:id/members/:userId',
    {
      config: { ...config, refusals: ['user_disabled', 'manager_required'] },
      schema: {
        ...shared,
        summary: 'Add a member, or change his right to talk',
        params: memberParams,
        body: memberChange.optional(),
        response: { 200: member },
      },
    },
    async (request) => {
      const { id, userId } = request.params;
      const put = await runChange(originOf(request), (context) =>
        admin.putMember(context, id, userId, request.body?.talk),
      );
      return memberOnWire(put);
    },
  );

  server.delete(
    '/admin/groups/:id/members/:userId',
    {
      config: { ...config, refusals: ['manager_required'] },
      schema: { ...shared, summary: 'Remove a member', params: memberParams, response: { 204: noContent } },
    },
    async (request, reply) => {
      const { id, userId } = request.params;
      await runChange(originOf(request), (context) => admin.removeMember(context, id, userId));
      return reply.code(204).send();
    },
  );

  server.put(
    '/admin/groups/:id/manager',
    {
      config: { ...config, refusals: ['user_disabled'] },
      schema: {
        ...shared,
        summary: 'Swap the manager',
        params: groupParams,
        body: newManager,
        response: { 200: member },
      },
    },
    async (request) => {
      const put = await runChange(originOf(request), (context) =>
        admin.putManager(context, request.params.id, request.body.userId),
      );
      return memberOnWire(put);
    },
  );
}
