import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { AdminClient, ascending, page } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';
import * as wire from '../_support/wire.ts';

let server: InProcessServer;
let client: AdminClient;
let managerId: string;

beforeAll(async () => {
  server = await startInProcess();
  client = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
  managerId = (await client.makeUser()).id;
});

afterAll(() => server[Symbol.asyncDispose]());

async function newGroup(name: string): Promise<string> {
  return (await server.rest.createGroup(client.token, { name, managerId })).id;
}

async function newUser(username: string): Promise<{ readonly status: number; readonly body: unknown }> {
  return client.send('POST', '/admin/users', { username, displayName: 'Somebody' });
}

describe('lists', () => {
  /** What may come and go while a list is read: `make` gives the id, `gone` takes it away. */
  const lists = [
    {
      path: '/admin/users',
      make: async (name: string) => wire.user.parse((await newUser(name)).body).id,
      gone: (id: string) => client.send('DELETE', `/admin/users/${id}`),
    },
    { path: '/admin/groups', make: newGroup, gone: (id: string) => client.send('DELETE', `/admin/groups/${id}`) },
    { path: '/admin/live', make: newGroup, gone: (id: string) => client.send('DELETE', `/admin/groups/${id}`) },
  ] as const;

  it.each(lists)('$path is whole while rows come and go', async ({ path, make, gone }) => {
    const names = path.replaceAll('/', '-').slice(1);
    const stays: string[] = [];
    const goes: string[] = [];
    for (let count = 0; count < 6; count += 1) {
      stays.push(await make(`${names}-stays-${count}`));
      goes.push(await make(`${names}-goes-${count}`));
    }
    const seen: string[] = [];
    const late: string[] = [];
    let cursor = '';
    do {
      const { items, nextCursor } = page.parse((await client.send('GET', `${path}?limit=3${cursor}`)).body);
      seen.push(...items.map(idOf));
      // The row that the cursor stands on goes, too.
      const victims = goes.includes(seen.at(-1) ?? '') ? [seen.at(-1) ?? ''] : goes.splice(-1);
      await Promise.all([...victims.map(gone), make(`${names}-late-${late.length}`).then((id) => late.push(id))]);
      if (late.length > 8) break;
      cursor = nextCursor === null ? '' : `&cursor=${nextCursor}`;
    } while (cursor !== '');
    expect(seen).toEqual(seen.toSorted());
    expect(new Set(seen).size).toBe(seen.length);
    expect(stays.filter((id) => !seen.includes(id))).toEqual([]);
  });

  it('of groups are searched by part of the name, in any case, with %, _ and \\ as they are', async () => {
    for (const name of [
      'Night_Watch',
      'nightXwatch',
      '100 % north',
      String.raw`back\slash`,
      'ÄRZTE Straße',
      'Ωmega ΣΑΣ',
    ]) {
      await newGroup(name);
    }
    const found = async (search: string): Promise<number> =>
      (await client.all(`/admin/groups?search=${encodeURIComponent(search)}`)).length;
    expect(await found('NIGHT')).toBe(2);
    expect(await found('night_w')).toBe(1);
    expect(await found('%')).toBe(1);
    expect(await found('0 % n')).toBe(1);
    expect(await found('\\')).toBe(1);
    expect(await found(String.raw`k\s`)).toBe(1);
    expect(await found('ärzte')).toBe(1);
    // Composed or not, it is the same letter.
    expect(await found('a\u0308rzte')).toBe(1);
    expect(await found('σας')).toBe(1);
    expect(await found('ωMEGA')).toBe(1);
    expect(await found('_%')).toBe(0);
  });
});

describe('a name that was given back', () => {
  it('goes to one of those who ask for it at once, as often as it is given back', async () => {
    let holder = wire.user.parse((await newUser('phoenix')).body).id;
    for (let round = 0; round < 4; round += 1) {
      const [removed, ...answers] = await Promise.all([
        client.send('DELETE', `/admin/users/${holder}`),
        ...Array.from({ length: 5 }, () => newUser(round % 2 === 0 ? 'phoenix' : 'PHOENIX')),
      ]);
      expect(removed.status).toBe(204);
      const statuses = answers.map(({ status }) => status).toSorted(ascending);
      // Whoever asks before it is given back is refused; of the others one has it.
      if (statuses[0] === 409) {
        expect(statuses).toEqual([409, 409, 409, 409, 409]);
        holder = wire.user.parse((await newUser('phoenix')).body).id;
      } else {
        expect(statuses).toEqual([201, 409, 409, 409, 409]);
        holder = wire.user.parse(answers.find(({ status }) => status === 201)?.body).id;
      }
      const named = z
        .array(z.looseObject({ id: z.string() }))
        .parse(await client.all('/admin/users?search=phoenix'))
        .map(({ id }) => id);
      expect(named).toEqual([holder]);
    }
  });

  it('brings nothing of the old account with it', async () => {
    const first = wire.user.parse(
      (await client.send('POST', '/admin/users', { username: 'heir', displayName: 'Old', password: 'old-password-1' }))
        .body,
    );
    const group = await newGroup('Heirs');
    await client.send('PUT', `/admin/groups/${group}/members/${first.id}`);
    const old = await server.rest.login('heir', 'old-password-1');
    await client.send('DELETE', `/admin/users/${first.id}`);
    await server.rest.expect(201, 'POST', '/api/v1/admin/users', {
      token: client.token,
      body: { username: 'heir', displayName: 'New', password: 'new-password-1' },
    });
    const device = { name: 'x', kind: 'other' };
    const refused = await server.rest.expectProblem(401, 'POST', '/api/v1/auth/login', {
      body: { username: 'heir', password: 'old-password-1', device },
    });
    expect(refused.code).toBe('invalid_credentials');
    expect((await client.send('GET', '/auth/me', undefined, old.accessToken)).status).toBe(401);
    const fresh = await server.rest.login('heir', 'new-password-1');
    expect(fresh.user.id).not.toBe(first.id);
    expect(await client.all('/groups', fresh.accessToken)).toEqual([]);
  });
});

function idOf(item: unknown): string {
  const parsed = z
    .union([z.looseObject({ id: z.string() }), z.looseObject({ group: z.looseObject({ id: z.string() }) })])
    .parse(item);
  return 'id' in parsed && typeof parsed.id === 'string'
    ? parsed.id
    : z.looseObject({ id: z.string() }).parse(parsed['group']).id;
}
