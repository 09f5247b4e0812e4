import { once } from 'node:events';
import { createServer } from 'node:http';
import { buffer } from 'node:stream/consumers';

const PATH = '/api/v1/media/webhook';
const LIMIT_MS = 5_000;

/** Where a livekit-server posts its events; they go on to one of several backends, or are lost. */
export interface WebhookRelay {
  readonly url: string;
  /** The origin of the backend that gets them from now on; null: they are lost. */
  deliverTo(origin: string | null): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startWebhookRelay(): Promise<WebhookRelay> {
  let target: string | null = null;
  const server = createServer((request, response) => {
    const pass = async (): Promise<number> => {
      const body = await buffer(request);
      // LiveKit tries again what was refused: a lost one has to be taken.
      if (target === null) return 200;
      const { authorization = '', 'content-type': type = '' } = request.headers;
      const headers = { authorization, 'content-type': type };
      const signal = AbortSignal.timeout(LIMIT_MS);
      return (await fetch(new URL(PATH, target), { method: 'POST', body, headers, signal })).status;
    };
    pass().then(
      (status) => response.writeHead(status).end(),
      () => response.writeHead(502).end(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('an HTTP server has no port');
  return {
    url: `http://127.0.0.1:${address.port}${PATH}`,
    deliverTo: (origin) => {
      target = origin;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
