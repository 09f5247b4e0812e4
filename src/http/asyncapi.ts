import { type AboutServer, asyncapiDocument } from '../realtime/protocol/asyncapi/index.ts';
import { noQuery } from './contract.ts';
import type { HttpServer } from './server.ts';

/** `/asyncapi.json`: the WebSocket protocol. Made when it is first asked for. */
export function registerAsyncapi(server: HttpServer, about: AboutServer): void {
  let text: string | null = null;
  server.get(
    '/asyncapi.json',
    { config: { access: 'public' }, schema: { hide: true, querystring: noQuery } },
    async (_request, reply) => {
      text ??= JSON.stringify(asyncapiDocument(about));
      return reply.type('application/json').send(text);
    },
  );
}
