import postgres from 'postgres';
import { afterEach, expect, it } from 'vitest';
import { Secret } from '../../src/config.ts';
import { becomeSoleProcess } from '../../src/infra/sole-process.ts';
import { createEmptyDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

const ignore = (): void => undefined;

async function database(): Promise<{ url: Secret; sql: postgres.Sql }> {
  const made = await createEmptyDatabase();
  const sql = postgres(made.url, { max: 1, onnotice: ignore });
  cleanups.push(
    () => made[Symbol.asyncDispose](),
    () => sql.end({ timeout: 1 }),
  );
  return { url: new Secret(made.url), sql };
}

it('refuses the second and lets it in after the first has gone', async () => {
  const { url } = await database();
  const first = await becomeSoleProcess(url, ignore);
  await expect(becomeSoleProcess(url, ignore)).rejects.toThrow(/REDIS_URL/);
  await first.release();
  const second = await becomeSoleProcess(url, ignore);
  await second.release();
});

it('takes the lock again when its connection was cut', async () => {
  const { url, sql } = await database();
  const sole = await becomeSoleProcess(url, () => expect.unreachable('nobody else took it'));
  cleanups.push(() => sole.release());
  const holders = () => sql<{ pid: number }[]>`
    select pid from pg_locks where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())`;
  const [before] = await holders();
  await sql`select pg_terminate_backend(${before?.pid ?? 0})`;
  await until(async () => (await holders()).some(({ pid }) => pid !== before?.pid), {
    limitMs: 15_000,
    describe: () => 'a new connection holds the lock',
  });
  await expect(becomeSoleProcess(url, ignore)).rejects.toThrow(/REDIS_URL/);
});
