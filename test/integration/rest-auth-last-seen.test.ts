import postgres from 'postgres';
import { v7 as uuid } from 'uuid';
import { expect, it } from 'vitest';
import { startInProcess } from './in-process.ts';
import { createDatabase as createPool, type Database } from '../../src/infra/postgres.ts';
import { createDatabase } from '../_support/postgres.ts';

const longAgo = '2020-01-01T00:00:00Z';

it('stores when 2 000 sessions were seen by a few statements', async () => {
  await using database = await createDatabase();
  const sql = postgres(database.url, { max: 1 });
  const pool = createPool({ url: database.url, applicationName: 'test' });
  let reads = 0;
  const counting: Database = {
    ...pool,
    read: (work) => {
      reads += 1;
      return pool.read(work);
    },
  };
  const server = await startInProcess({ databaseUrl: database.url, overrides: { database: counting } });
  const { user } = await server.rest.login('alice');
  const ids = Array.from({ length: 2_000 }, () => uuid());
  const rows = ids.map((id) => ({
    id,
    user_id: user.id,
    device_name: 'Watch',
    device_kind: 'watch',
    current_hashes: [id],
    last_seen_at: longAgo,
    expires_at: new Date(Date.now() + 3_600_000),
  }));
  await sql`insert into auth_sessions ${sql(rows)}`;
  const startedAtMs = Date.now();
  const before = reads;
  for (let count = 0; count < 3; count += 1) for (const id of ids) server.container.auth.seen(id);
  expect(reads).toBe(before);
  await server[Symbol.asyncDispose]();
  expect(reads - before).toBeLessThan(20);
  const [answer] = await sql`select count(*)::int as seen from auth_sessions
    where id = any(${ids}) and last_seen_at >= ${new Date(startedAtMs)}`;
  expect(answer).toEqual({ seen: ids.length });
  await sql.end();
});
