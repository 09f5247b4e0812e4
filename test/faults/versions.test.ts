import { v7 as uuid } from 'uuid';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeTalk, newGroup, signIn } from '../acceptance/talk-scenarios.ts';
import { effort } from '../_support/effort.ts';
import { startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, startPostgres } from '../_support/postgres.ts';
import { startRedis } from '../_support/redis.ts';
import { until } from '../_support/until.ts';
import { mixedRuns } from './versions/mixed-runs.ts';
import { makeNextRelease, type NextRelease } from './versions/next-release.ts';
import { countsOf, keptRecords } from './versions/traces.ts';
import { play } from './world/play.ts';
import { createWorld, type World } from './world/world.ts';

/** This release and the one after it on the same Redis and PostgreSQL (docs/decisions/versions.md). */
let next: NextRelease | null = null;

beforeAll(async () => {
  next = await makeNextRelease();
});
afterAll(async () => {
  await next?.[Symbol.asyncDispose]();
});

function nextRepository(): string {
  if (next === null) throw new Error('the next release was not made');
  return next.repository;
}

/** The later release migrates; the other one starts on a database that is ahead of it. */
async function deployBoth(hereIs: 'this' | 'next') {
  const [postgres, redis] = await Promise.all([startPostgres(), startRedis()]);
  const database = await createEmptyDatabase(postgres.url);
  const env = { SECRET_KEY: 'a secret that all processes of the test share' };
  const options = { databaseUrl: database.url, redisUrl: redis.url, env };
  const later = await startNeda({ ...options, repository: nextRepository() });
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
    world = await createWorld({ processes: 2, seed: SEED, repositories: [nextRepository(), null] });
  });
  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each(mixedRuns(nextRepository).map((run) => [run.name, run] as const))('%s', async (_name, run) => {
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
  });

  test('a format that is too new is refused, told in the log, and keeps no other group waiting', async () => {
    const [dying, staying] = world.slots;
    if (dying === undefined || staying === undefined) throw new Error('two processes are needed');
    const [tooNew, left] = [await newGroup(dying.neda), await newGroup(dying.neda)];
    const { client: alice } = await signIn(dying.neda, 'alice');
    await alice.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: left });
    await alice.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId: left });
    // Several, so that some come before the other group whatever the order is.
    const groups = [tooNew, ...Array.from({ length: 9 }, () => uuid())];
    for (const groupId of groups) {
      await world.redis.command(
        `EVAL "redis.call('SET', KEYS[1], cmsgpack.pack({ format = 99 }))" 1 floor:{${groupId}}`,
      );
    }
    const { client: bob } = await signIn(staying.neda, 'bob');
    expect(await bob.request('JOIN_GROUP', { groupId: tooNew })).toMatchObject({ type: 'ERROR', code: 'unavailable' });

    await dying.kill();
    const [talk] = await until(
      async () => {
        const talks = await world.storedTalks(left);
        return talks.length > 0 ? talks : undefined;
      },
      { limitMs: 25_000, everyMs: 500, describe: () => 'the sweep has ended the talk of the process that died' },
    );
    expect(talk).toMatchObject({ cause: 'expired' });
    await staying.neda.process.untilOutput(
      /A later release keeps group .* run that release, or the one before it/,
      15_000,
    );
    for (const groupId of groups) expect(await world.redis.command(`EXISTS floor:{${groupId}}`)).toContain(':1');
  });
});
