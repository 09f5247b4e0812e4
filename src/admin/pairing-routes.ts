import { z } from 'zod';
import { pairingCode } from './contract.ts';
import { uuidV7 } from '../http/contract.ts';
import { originOf, type HttpServer } from '../http/server.ts';
import type { AdminRouteParts } from './route-parts.ts';

export function registerAdminPairingRoutes(server: HttpServer, parts: AdminRouteParts): void {
  const { auth, runChange } = parts;

  server.post(
    '/admin/users/:id/pairing-codes',
    {
      config: { access: 'admin', refusals: ['user_disabled'] },
      schema: {
        tags: ['admin: users'],
        summary: 'Make a code by which a device without keyboard signs in as this user, once',
        params: z.strictObject({ id: uuidV7 }),
        response: { 201: pairingCode },
      },
    },
    async (request, reply) => {
      const made = await runChange(originOf(request), (context) => auth.makePairingCode(context, request.params.id));
      return reply.code(201).send(made);
    },
  );
}
