import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError, invalidField } from '../../errors.ts';
import type { HttpServer } from '../../http/server.ts';
import { type MediaGuard, WebhookRefused } from '../media/index.ts';

/** The contract's limit for this route. A room's description in an event is larger than what other routes take. */
const BODY_LIMIT_BYTES = 1_024 * 1_024;

const body = z.unknown().meta({
  description: 'A `WebhookEvent` of LiveKit',
  examples: [{ event: 'participant_joined', id: 'EV_m3kQzv9fXw2a', createdAt: '1767225600' }],
});
const taken = z.object({}).meta({ description: 'Taken, or known already', examples: [{}] });

const refusals: Readonly<Record<WebhookRefused['fault'], () => AppError>> = {
  signature: notSigned,
  json: () => new AppError('invalid_json', 'The signature is good, but the body is not JSON (RFC 8259) in UTF-8.'),
  shape: () => invalidField('body', 'must be a WebhookEvent of LiveKit; the signature is good'),
};

/**
 * Where the media server tells who joins and publishes. Its signature is of the raw body, so this route takes bytes, and
 * only of the one media type. The header is checked before the body is read, and that it is signed over this body
 * before what stands in it.
 */
export async function registerMediaWebhook(server: HttpServer, guard: MediaGuard): Promise<void> {
  await server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('application/webhook+json', { parseAs: 'buffer' }, (_request, raw, done) =>
      done(null, raw),
    );
    scope.withTypeProvider<ZodTypeProvider>().post(
      '/media/webhook',
      {
        config: { access: 'own', refusals: ['token_invalid'] },
        bodyLimit: BODY_LIMIT_BYTES,
        schema: {
          tags: ['operations'],
          summary: 'For LiveKit alone: what happens in its rooms, signed with its key',
          security: [{ livekit: [] }],
          consumes: ['application/webhook+json'],
          body,
          response: { 200: taken },
        },
        onRequest: async ({ headers }) => {
          if (!(await guard.isSigned(headers.authorization))) throw notSigned();
        },
      },
      async (request) => {
        try {
          const { body: raw, headers } = request;
          await guard.receive(Buffer.isBuffer(raw) ? raw : Buffer.alloc(0), headers.authorization);
          return {};
        } catch (error) {
          if (error instanceof WebhookRefused) throw refusals[error.fault]();
          throw error;
        }
      },
    );
  });
}

function notSigned(): AppError {
  return new AppError('token_invalid', 'Only the media server may post here, signed with its key over the whole body.');
}
