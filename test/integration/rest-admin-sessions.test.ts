import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient, page, unknownId } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { BUSY_MS } from '../_support/busy.ts';
import type * as wire from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';

const session = z.strictObject({
  id: z.uuidv7(),
  userId: z.uuidv7(),
  device: z.strictObject({ name: z.string(), kind: z.string() }),
  createdAt: z.iso.datetime(),
  lastSeenAt: z.iso.datetime(),
  current: z.boolean(),
});

let server: InProcessServer;
let client: AdminClient;
let own: wire.Tokens;

beforeAll(async () => {
  server = await startInProcess();
  own = await server.rest.login('admin');
  client = new AdminClient(server.rest, own.accessToken);
});

afterAll(() => server[Symbol.asyncDispose]());

async function list(filter = ''): Promise<z.infer<typeof session>[]> {
  const answer = await client.send('GET', `/admin/sessions?limit=100${filter}`);
  return z.array(session).parse(page.parse(answer.body).items);
}

describe('sessions of everybody', () => {
  it('are listed newest first, with the own one marked', async () => {
    const user = await client.makeUser();
    const phone = await server.rest.login(user.username, 'push-to-talk', { name: 'Phone', kind: 'phone' });
    const watch = await server.rest.login(user.username, 'push-to-talk', { name: 'Watch', kind: 'watch' });
    const all = await list();
    const ids = all.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted().toReversed());
    expect(all.filter(({ current }) => current).map(({ id }) => id)).toEqual([own.session.id]);
    expect(await list(`&userId=${user.id}`)).toMatchObject([
      { id: watch.session.id, userId: user.id, device: { name: 'Watch', kind: 'watch' }, current: false },
      { id: phone.session.id, userId: user.id, device: { name: 'Phone', kind: 'phone' }, current: false },
    ]);
    expect(await list(`&userId=${unknownId}`)).toEqual([]);
    expect(JSON.stringify(all)).not.toMatch(/hash|token|rotation/i);
  });

  it('are filtered by when they were made', async () => {
    const user = await client.makeUser();
    const { session: made } = await server.rest.login(user.username);
    const [listed] = await list(`&userId=${user.id}`);
    const at = listed?.createdAt ?? '';
    const later = new Date(Date.parse(at) + 1).toISOString();
    const ids = async (filter: string) => (await list(`&userId=${user.id}${filter}`)).map(({ id }) => id);
    expect(await ids(`&from=${at}`)).toEqual([made.id]);
    expect(await ids(`&from=${later}`)).toEqual([]);
    expect(await ids(`&to=${later}`)).toEqual([made.id]);
    expect(await ids(`&to=${at}`)).toEqual([]);
    expect(await client.refused(400, 'GET', '/admin/sessions?from=yesterday')).toBe('validation_failed');
    expect(await client.refused(400, 'GET', `/admin/sessions?groupId=${unknownId}`)).toBe('validation_failed');
  });

  it('stay whole, page by page, while people sign in and out', async () => {
    const user = await client.makeUser();
    const made: string[] = [];
    for (let count = 0; count < 6; count += 1) made.push((await server.rest.login(user.username)).session.id);
    const seen: string[] = [];
    let cursor = '';
    do {
      const answer = await client.send('GET', `/admin/sessions?userId=${user.id}&limit=2${cursor}`);
      const { items, nextCursor } = page.parse(answer.body);
      seen.push(...items.map(({ id }) => id ?? ''));
      await server.rest.login(user.username);
      // The row that the cursor stands on goes once, and stays once.
      if (cursor === '') await client.send('DELETE', `/admin/sessions/${seen.at(-1) ?? ''}`);
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(made.toReversed());
  });

  it('are ended once: the token is refused, the socket closes, the talk ends for all', async () => {
    const [manager, user] = [await client.makeUser(), await client.makeUser()];
    const { id: groupId } = await client.makeGroup(manager.id);
    await client.send('PUT', `/admin/groups/${groupId}/members/${user.id}`);
    const [listening, talking] = [await server.rest.login(manager.username), await server.rest.login(user.username)];
    const ear = await WsClient.signIn(server.rest.origin, listening.accessToken);
    const mouth = await WsClient.signIn(server.rest.origin, talking.accessToken);
    for (const each of [ear, mouth]) await each.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await mouth.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const path = `/admin/sessions/${talking.session.id}`;
    expect((await client.send('DELETE', path)).status).toBe(204);
    expect(await ear.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
    expect(await mouth.closed(2_000 + BUSY_MS)).toMatchObject({ code: 4503 });
    expect((await client.send('GET', '/auth/me', undefined, talking.accessToken)).status).toBe(401);
    expect(await client.refused(404, 'DELETE', path)).toBe('not_found');
    expect(await client.refused(404, 'DELETE', `/admin/sessions/${unknownId}`)).toBe('not_found');
    expect((await list(`&userId=${user.id}`)).map(({ id }) => id)).toEqual([]);
    ear.terminate();
  });
});
