import { once } from 'node:events';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { AdminClient } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

let server: InProcessServer;

beforeAll(async () => {
  server = await startInProcess();
});

afterAll(() => server[Symbol.asyncDispose]());

/** The `X-Request-Id` of the answer to an upgrade that is accepted. */
async function echoed(given: Readonly<Record<string, string>>): Promise<unknown> {
  const socket = new WebSocket(`${server.rest.origin.replace('http', 'ws')}/ws`, ['neda.v1'], { headers: given });
  let requestId: unknown;
  socket.once('upgrade', ({ headers }) => {
    requestId = headers['x-request-id'];
  });
  await once(socket, 'open');
  socket.close();
  return requestId;
}

it('an accepted upgrade echoes its request id, and has one of its own when the given one is bad or missing', async () => {
  expect(await echoed({ 'x-request-id': 'from-a-proxy.1' })).toBe('from-a-proxy.1');
  for (const given of [{}, { 'x-request-id': 'no good id' }]) {
    expect(z.uuidv7().safeParse(await echoed(given)).success).toBe(true);
  }
});

it('what is done through a socket is recorded and logged with the request id of its upgrade', async () => {
  const admin = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
  const manager = await admin.makeUser();
  const { id: groupId } = await admin.makeGroup(manager.id);
  const token = (await server.rest.login(manager.username)).accessToken;
  const client = await WsClient.connect(server.rest.origin, { token, headers: { 'x-request-id': 'my-socket' } });
  const { connectionId } = await client.hello();
  await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
  await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, emergency: true });
  await client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId });
  await client.close();
  const page = z.object({ items: z.array(z.object({ action: z.string(), requestId: z.string() })) });
  const floorRows = async () => {
    const { items } = page.parse((await admin.send('GET', `/admin/audit?groupId=${groupId}`)).body);
    return items.filter(({ action }) => action.startsWith('floor.'));
  };
  await until(async () => (await floorRows()).length === 2, { limitMs: 15_000, describe: () => 'both are recorded' });
  expect(await floorRows()).toEqual([
    { action: 'floor.revoked', requestId: 'my-socket' },
    { action: 'floor.emergency', requestId: 'my-socket' },
  ]);
  const lines = () =>
    server
      .log()
      .split('\n')
      .filter((line) => line.includes(`"connectionId":"${String(connectionId)}"`));
  await until(() => lines().some((line) => line.includes('socket ended')), {
    limitMs: 15_000,
    describe: () => 'the end is logged',
  });
  expect(lines().some((line) => line.includes('socket ready'))).toBe(true);
  expect(lines().filter((line) => !line.includes('"requestId":"my-socket"'))).toEqual([]);
});
