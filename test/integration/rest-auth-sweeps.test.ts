import postgres from 'postgres';
import { expect, it } from 'vitest';
import * as pairing from '../../src/auth/pairing/repo.ts';
import * as throttle from '../../src/auth/throttle/repo.ts';
import { createDatabase as connect } from '../../src/infra/postgres.ts';
import { createDatabase } from '../_support/postgres.ts';

const user = '01890a5d-ac96-774b-bcce-b302099a0001';

it('codes and counts that have ended are swept, others stay', async () => {
  await using database = await createDatabase();
  const pool = connect({ url: database.url, applicationName: 'test' });
  const sql = postgres(database.url, { max: 1 });
  try {
    await sql`insert into users (id, username, display_name, role) values (${user}, 'alice', 'Alice', 'user')`;
    await pool.transaction(async (tx) => {
      expect(await pairing.insertCode(tx, { userId: user, codeHash: 'open', lifeMs: 60_000 })).toBe(true);
      expect(await pairing.insertCode(tx, { userId: user, codeHash: 'open', lifeMs: 60_000 })).toBe(false);
      await pairing.insertCode(tx, { userId: user, codeHash: 'ended', lifeMs: 1 });
    });
    await pool.read((query) =>
      throttle.addFailure(query, [
        { kind: 'a', key: 'living', forgetAfterMs: 60_000, since: 'last' },
        { kind: 'b', key: 'ended', forgetAfterMs: 1, since: 'first' },
      ]),
    );
    await sql`select pg_sleep(0.01)`;
    await pool.read(pairing.deleteExpiredCodes);
    await pool.read(throttle.deleteEndedCounts);
    expect(await sql`select code_hash from pairing_codes`).toEqual([{ code_hash: 'open' }]);
    expect(await sql`select key, count from failed_attempts`).toEqual([{ key: 'living', count: 1 }]);
  } finally {
    await sql.end();
    await pool.close();
  }
});

it('failures are counted one by one, also by many at once, and ended counts begin anew', async () => {
  await using database = await createDatabase();
  const pool = connect({ url: database.url, applicationName: 'test' });
  const sql = postgres(database.url, { max: 1 });
  const [sliding, fixed] = [
    { kind: 'a', key: 'x', forgetAfterMs: 60_000, since: 'last' },
    { kind: 'b', key: 'y', forgetAfterMs: 60_000, since: 'first' },
  ] as const;
  const read = () => pool.read((query) => throttle.readCounts(query, [sliding, fixed]));
  const fail = () => pool.read((query) => throttle.addFailure(query, [sliding, fixed]));
  try {
    await Promise.all(Array.from({ length: 30 }, fail));
    expect((await read()).map(({ count }) => count)).toEqual([30, 30]);
    await sql`update failed_attempts set last_at = last_at - interval '40 s', ends_at = ends_at - interval '40 s'`;
    await fail();
    const byKind = new Map((await read()).map((row) => [row.kind, row]));
    expect(byKind.get('a')).toMatchObject({ count: 31 });
    expect(byKind.get('a')?.endsInMs).toBeGreaterThan(50_000);
    expect(byKind.get('b')).toMatchObject({ count: 31 });
    expect(byKind.get('b')?.endsInMs).toBeLessThanOrEqual(20_000);
    for (const row of byKind.values()) expect(row.sinceLastMs).toBeLessThan(10_000);
    await sql`update failed_attempts set ends_at = now()`;
    expect(await read()).toEqual([]);
    await fail();
    expect((await read()).map(({ count }) => count)).toEqual([1, 1]);
    await pool.read((query) => throttle.deleteCount(query, sliding));
    expect((await read()).map(({ kind }) => kind)).toEqual(['b']);
  } finally {
    await sql.end();
    await pool.close();
  }
});
