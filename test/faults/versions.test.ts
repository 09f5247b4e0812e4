import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeTalk } from '../acceptance/talk-scenarios.ts';
import { effort } from '../_support/effort.ts';
import { startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import { mixedRuns } from './versions/mixed-runs.ts';
import { makeNextRelease, type NextRelease } from './versions/next-release.ts';
import { countsOf, keptRecords } from './versions/traces.ts';
import { play } from './world/play.ts';
import { createWorld, type World } from './world/world.ts';

/** This release and the one after it on the same Redis and PostgreSQL (docs/decisions/versions.md). */
let next: NextRelease;

beforeAll(async () => {
  next = await makeNextRelease();
});
afterAll(async () => {
  await next[Symbol.asyncDispose]();
});

/** The later release migrates; the other one starts on a database that is ahead of it. */
async function deployBoth(hereIs: 'this' | 'next') {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const database = await createEmptyDatabase(postgres.url);
  const env = { SECRET_KEY: 'a secret that all processes of the test share' };
  const options = { databaseUrl: database.url, redisUrl: redis.url, env };
  const later = await startNeda({ ...options, repository: next.repository });
  const earlier = await startNeda(options);
  return {
    here: hereIs === 'this' ? earlier : later,
    there: hereIs === 'this' ? later : earlier,
    close: async () => {
      await Promise.all([later, earlier].map((neda) => neda[Symbol.asyncDispose]()));
      await redis[Symbol.asyncDispose]();
      await postgres[Symbol.asyncDispose]();
    },
  };
}

describeTalk('this release, and the next one beside it', () => deployBoth('this'));
describeTalk('the next release, and this one beside it', () => deployBoth('next'));

describe('people on both releases', () => {
  const SEED = Number(process.env['FAULT_SEED'] ?? 31_007);
  const PEOPLE = effort({ short: 8, long: 14 });
  let world: World;

  beforeAll(async () => {
    world = await createWorld({ processes: 2, seed: SEED, repositories: [next.repository, null] });
  }, 60_000);
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  }, 60_000);

  test.each(mixedRuns(() => next.repository).map((run) => [run.name, run] as const))(
    '%s',
    { timeout: 120_000 },
    async (_name, run) => {
      const { history, verdict } = await play(world, run, { seed: SEED, people: PEOPLE });
      expect(verdict.violations).toEqual([]);
      expect(verdict.talks).toBeGreaterThan(2);
      for (const { groupId } of history.groups) {
        // Each field was put there once, and was still there whenever the later release looked.
        expect(await countsOf(world.redis, `made:{${groupId}}`)).toEqual({ state: 1, floor: 1 });
        expect(await countsOf(world.redis, `lost:{${groupId}}`)).toEqual({});
      }
      const kept = await Promise.all(history.groups.map(({ groupId }) => keptRecords(world.redis, groupId)));
      expect(kept.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
      expect(await world.sql('select count(*)::int as count from history_rejected')).toEqual([{ count: 0 }]);
      console.log(
        `${run.name} · events ${verdict.events} · talks ${verdict.talks} · messages ${verdict.messages} · violations ${verdict.violations.length} · seed ${SEED}`,
      );
    },
  );
});
