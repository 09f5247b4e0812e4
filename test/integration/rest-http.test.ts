import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server[Symbol.asyncDispose]());

/** Sends these bytes and reads until the server ends the connection. */
function exchange(bytes: string): Promise<{ status: number; head: string; problem: wire.Problem }> {
  const port = Number(new URL(server.rest.origin).port);
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes));
    socket.on('data', (chunk) => (text += chunk.toString('utf8')));
    socket.on('error', reject);
    socket.on('end', () => {
      const [head = '', body = ''] = text.split('\r\n\r\n');
      try {
        const problem = wire.problem.parse(JSON.parse(body));
        resolve({ status: Number(head.split(' ')[1]), head: head.toLowerCase(), problem });
      } catch (error) {
        reject(new Error(`no problem was answered: ${text}`, { cause: error }));
      }
    });
  });
}

const about = 'X-Request-Id: asked.1\r\nConnection: close\r\n';

it.each([
  ['no Host', `GET /livez HTTP/1.1\r\n${about}\r\n`, 400, 'validation_failed'],
  ['no Host at an unknown path', `GET /nope HTTP/1.1\r\n${about}\r\n`, 400, 'validation_failed'],
  ['an expectation', `GET /livez HTTP/1.1\r\nHost: x\r\nExpect: foo\r\n${about}\r\n`, 417, 'expectation_failed'],
  ['CONNECT', `CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n${about}\r\n`, 404, 'not_found'],
  ['a method that nobody knows', `FOO /livez HTTP/1.1\r\nHost: x\r\n${about}\r\n`, 404, 'not_found'],
  ['no HTTP', `nonsense\r\n${about}\r\n`, 400, 'validation_failed'],
  [
    'large headers',
    `GET /livez HTTP/1.1\r\nHost: x\r\n${about}X-Large: ${'a'.repeat(20_000)}\r\n\r\n`,
    431,
    'headers_too_large',
  ],
])('answers %s with a problem that carries the request id', async (_name, bytes, status, code) => {
  const { head, problem, ...answer } = await exchange(bytes);
  expect(answer.status).toBe(status);
  expect(head).toContain('content-type: application/problem+json');
  expect(problem).toMatchObject({ status, code, type: `urn:neda:error:${code}`, requestId: 'asked.1' });
  expect(head).toContain('x-request-id: asked.1');
});

it('makes a request id of its own where none can be read', async () => {
  const { head, problem } = await exchange('nonsense\r\nX-Request-Id: a b\r\n\r\n');
  expect(problem['requestId']).toMatch(/^[0-9a-f-]{36}$/);
  expect(head).toContain(`x-request-id: ${String(problem['requestId'])}`);
});

it('asks HTTP/1.0 for no Host', async () => {
  const { problem } = await exchange(`GET /nope HTTP/1.0\r\n${about}\r\n`);
  expect(problem).toMatchObject({ status: 404, code: 'not_found' });
});

it('answers a request that does not arrive in time with 408', async () => {
  server.app.server.once('connection', (socket) => {
    const late = Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' });
    server.app.server.emit('clientError', late, socket);
  });
  const { status, problem } = await exchange('GET /livez HTTP/1.1\r\n');
  expect(status).toBe(408);
  expect(problem).toMatchObject({ status: 408, code: 'request_timeout' });
});
