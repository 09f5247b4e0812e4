import { z } from 'zod';
import { notFound } from '../errors.ts';
import { noContent, pageOf, pageQuery, searchText, uuidV7 } from '../http/contract.ts';
import { answerPage } from '../http/cursors.ts';
import { originOf, type HttpServer } from '../http/server.ts';
import { newUser, user, userChange } from './contract.ts';
import { userOnWire } from '../users/index.ts';
import type { AdminRouteParts } from './route-parts.ts';

const config = { access: 'admin' } as const;
const shared = { tags: ['admin: users'] };
const params = z.strictObject({ id: uuidV7 });

export function registerAdminUserRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { admin, users, auth, runChange, cursors } = parts;

  function hashOf(password: string | undefined): Promise<string | undefined> {
    return password === undefined ? Promise.resolve(undefined) : auth.hashPassword(password);
  }

  server.get(
    '/admin/users',
    {
      config,
      schema: {
        ...shared,
        summary: 'All users',
        querystring: z.strictObject({ ...pageQuery, search: searchText }),
        response: { 200: pageOf(user) },
      },
    },
    async (request) => {
      const { search } = request.query;
      const page = await answerPage(
        cursors,
        ['users', search],
        request.query,
        (afterId, limit) => users.list({ search, afterId, limit }),
        (item) => item.id,
      );
      return { ...page, items: page.items.map(userOnWire) };
    },
  );

  server.post(
    '/admin/users',
    {
      config: { ...config, refusals: ['already_exists'] },
      schema: { ...shared, summary: 'Make a user', body: newUser, response: { 201: user } },
    },
    async (request, reply) => {
      const { password, ...input } = request.body;
      const passwordHash = await hashOf(password);
      const made = await runChange(originOf(request), (context) =>
        admin.createUser(context, { ...input, passwordHash }),
      );
      return reply.code(201).send(userOnWire(made));
    },
  );

  server.get(
    '/admin/users/:id',
    { config, schema: { ...shared, summary: 'One user', params, response: { 200: user } } },
    async (request) => {
      const found = await users.find(request.params.id);
      if (found === null) throw notFound();
      return userOnWire(found);
    },
  );

  server.patch(
    '/admin/users/:id',
    {
      config: { ...config, refusals: ['last_admin'] },
      schema: { ...shared, summary: 'Change a user', params, body: userChange, response: { 200: user } },
    },
    async (request) => {
      const { password, ...change } = request.body;
      const passwordHash = await hashOf(password);
      const changed = await runChange(originOf(request), (context) =>
        admin.updateUser(context, request.params.id, { ...change, passwordHash }),
      );
      return userOnWire(changed);
    },
  );

  server.delete(
    '/admin/users/:id',
    {
      config: { ...config, refusals: ['last_admin', 'manager_required'] },
      schema: { ...shared, summary: 'Delete a user', params, response: { 204: noContent } },
    },
    async (request, reply) => {
      await runChange(originOf(request), (context) => admin.deleteUser(context, request.params.id));
      return reply.code(204).send();
    },
  );
}
