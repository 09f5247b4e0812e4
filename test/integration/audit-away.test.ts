import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { migrate } from '../../src/infra/migrate.ts';
import { BUSY_MS } from '../_support/busy.ts';
import { startPostgres, type TestPostgres } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

let postgres: TestPostgres;
let server: InProcessServer;
let client: AdminClient;

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
  server = await startInProcess({ databaseUrl: postgres.url });
  client = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const entries = z.looseObject({
  items: z.array(z.looseObject({ action: z.string(), at: z.string(), details: z.unknown() })),
});

it('what is done to the floor while PostgreSQL is away is not held up, and recorded when it is back', async () => {
  const [manager, user] = [await client.makeUser(), await client.makeUser()];
  const { id: groupId } = await client.makeGroup(manager.id);
  await client.send('PUT', `/admin/groups/${groupId}/members/${user.id}`);
  const [alice, bob] = await Promise.all(
    [manager, user].map(async ({ username }) =>
      WsClient.signIn(server.rest.origin, (await server.rest.login(username)).accessToken),
    ),
  );
  if (alice === undefined || bob === undefined) throw new Error('two people are needed');
  for (const each of [alice, bob]) await each.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });

  await postgres.stop();
  const startedAtMs = performance.now();
  const granted = await bob.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, emergency: true });
  const done = await alice.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId });
  expect(performance.now() - startedAtMs).toBeLessThan(1_000 + BUSY_MS);
  expect(done).toMatchObject({ revoked: true });
  const doneAtMs = Date.now();
  // A try that fails meanwhile must not lose them.
  await until(() => server.log().includes('audit rows wait for PostgreSQL'), {
    limitMs: 20_000,
    describe: () => 'the rows are kept',
  });
  await postgres.start();

  const { talkId } = granted;
  const path = `/admin/audit?groupId=${groupId}&from=${new Date(doneAtMs - 60_000).toISOString()}`;
  const recorded = async () => {
    const answer = await client.send('GET', path);
    if (answer.status !== 200) return [];
    return entries.parse(answer.body).items.filter(({ action }) => action.startsWith('floor.'));
  };
  await until(async () => (await recorded()).length >= 2, { limitMs: 30_000, describe: () => 'both are recorded' });
  const rows = await recorded();
  expect(rows.map(({ action, details }) => ({ action, details }))).toEqual([
    { action: 'floor.revoked', details: { talkId, userId: user.id } },
    { action: 'floor.emergency', details: { talkId } },
  ]);
  for (const { at } of rows) expect(Date.parse(at)).toBeLessThanOrEqual(doneAtMs);
  for (const each of [alice, bob]) each.terminate();
});
