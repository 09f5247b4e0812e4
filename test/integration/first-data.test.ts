import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { ensureFirstAdmin, loadDemoData } from '../../src/admin/index.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';

let database: TestDatabase;
let processes: InProcessServer[];

beforeEach(async () => {
  database = await createDatabase();
  const start = () => startInProcess({ databaseUrl: database.url, hasDemoData: false });
  processes = await Promise.all([start(), start(), start()]);
});

afterEach(async () => {
  for (const server of processes) await server[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

function count(results: readonly boolean[]): number {
  return results.filter(Boolean).length;
}

it('the demo data is made once, by whichever process comes first, as the contract says', async () => {
  const load = () =>
    Promise.all(processes.map(({ container }) => loadDemoData(container, { password: 'push-to-talk' })));
  expect(count(await load())).toBe(1);
  expect(count(await load())).toBe(0);
  const [server] = processes;
  if (server === undefined) throw new Error('no server');
  const admin = await server.rest.login('admin');
  expect(admin.user).toMatchObject({ role: 'admin' });
  const expected = [
    ['Team', ['alice group_manager', 'bob member', 'carol member']],
    ['Workshop', ['alice member', 'bob group_manager']],
  ] as const;
  const alice = await server.rest.login('alice');
  for (const [name, members] of expected) {
    const group = await server.rest.groupNamed(alice.accessToken, name);
    const page = z
      .object({ items: z.array(z.looseObject({ username: z.string(), role: z.string() })) })
      .parse(await server.rest.expect(200, 'GET', `/api/v1/groups/${group.id}/members`, { token: alice.accessToken }));
    expect(page.items.map((member) => `${member.username} ${member.role}`).toSorted()).toEqual(members);
  }
});

it('the first admin is made once, and not while there is one', async () => {
  const ensure = (password: string) =>
    Promise.all(processes.map(({ container }) => ensureFirstAdmin(container, { username: 'Root', password })));
  expect(count(await ensure('the-first-password'))).toBe(1);
  expect(count(await ensure('another-password'))).toBe(0);
  expect((await processes[0]?.rest.login('root', 'the-first-password'))?.user).toMatchObject({ role: 'admin' });
  expect(
    count(await Promise.all(processes.map(({ container }) => loadDemoData(container, { password: 'push-to-talk' })))),
  ).toBe(0);
});
