import { z } from 'zod';
import { type AboutServer, asyncapiDocument } from '../realtime/protocol/asyncapi/index.ts';
import { noQuery } from './contract.ts';
import type { HttpServer } from './server.ts';

const asyncapi = z
  .record(z.string(), z.unknown())
  .meta({ description: 'AsyncAPI 3.0', examples: [{ asyncapi: '3.0.0', info: { title: 'neda', version: '1.4.0' } }] });

/** `/asyncapi.json`: the WebSocket protocol. Made when it is first asked for. */
export function registerAsyncapi(server: HttpServer, about: AboutServer): void {
  let document: Record<string, unknown> | null = null;
  server.get(
    '/asyncapi.json',
    {
      config: { access: 'public' },
      schema: {
        tags: ['operations'],
        summary: 'The WebSocket protocol',
        querystring: noQuery,
        response: { 200: asyncapi },
      },
    },
    async () => (document ??= { ...asyncapiDocument(about) }),
  );
}
