import { z } from 'zod';
import { notFound } from '../errors.ts';
import { pageOf, pageQuery, uuidV7 } from '../http/contract.ts';
import { answerPage, type Cursors } from '../http/cursors.ts';
import { callerOf, type HttpServer } from '../http/server.ts';
import { group, member } from './contract.ts';
import type { MembershipView } from './memberships.ts';
import type { Groups } from './service.ts';
import { groupOnWire, memberOnWire } from './wire.ts';

const tags = ['groups'];
const config = { access: 'session' } as const;
const params = z.strictObject({ id: uuidV7 });
const querystring = z.strictObject(pageQuery);

/** The caller's own groups: of others he does not learn that they exist. */
export function registerGroupRoutes(
  server: HttpServer,
  parts: { readonly groups: Groups; readonly cursors: Cursors },
): void {
  const { groups, cursors } = parts;

  async function ownMembership(userId: string, groupId: string): Promise<MembershipView> {
    const membership = await groups.membershipOf(userId, groupId, { isFresh: true });
    if (membership === null) throw notFound();
    return membership;
  }

  server.get(
    '/groups',
    { config, schema: { tags, summary: 'My groups', querystring, response: { 200: pageOf(group) } } },
    async (request) => {
      const userId = callerOf(request).user.id;
      const page = await answerPage(
        cursors,
        ['own groups', userId],
        request.query,
        (afterId, limit) => groups.listOwn(userId, { afterId, limit }),
        (item) => item.id,
      );
      return { ...page, items: page.items.map(groupOnWire) };
    },
  );

  server.get(
    '/groups/:id',
    { config, schema: { tags, summary: 'One of my groups', params, response: { 200: group } } },
    async (request) => groupOnWire((await ownMembership(callerOf(request).user.id, request.params.id)).group),
  );

  server.get(
    '/groups/:id/members',
    {
      config,
      schema: {
        tags,
        summary: 'Who is in one of my groups',
        params,
        querystring,
        response: { 200: pageOf(member) },
      },
    },
    async (request) => {
      const groupId = request.params.id;
      const userId = callerOf(request).user.id;
      const page = await answerPage(
        cursors,
        ['members', groupId],
        request.query,
        async (afterId, limit) => {
          await ownMembership(userId, groupId);
          return groups.listMembers(groupId, { afterId, limit });
        },
        (item) => item.userId,
      );
      return { ...page, items: page.items.map(memberOnWire) };
    },
  );
}
