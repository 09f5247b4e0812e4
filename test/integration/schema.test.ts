import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDatabase as connect } from '../../src/infra/postgres.ts';
import { createRunChange } from '../../src/infra/change.ts';
import { createLiveStoreGenerations } from '../../src/live-store/index.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../_support/postgres.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '..', '..');

describe('migrations', () => {
  it('may be started by several processes at once', async () => {
    const empty = await createEmptyDatabase();
    const sql = postgres(empty.url, { max: 1 });
    try {
      const script = `const { migrate } = await import('./src/infra/migrate.ts'); await migrate(process.env.URL);`;
      const migrate = () =>
        run(process.execPath, ['--input-type=module', '-e', script], {
          cwd: root,
          env: { ...process.env, URL: empty.url },
        });
      await Promise.all([migrate(), migrate(), migrate()]);
      await migrate();
      const tables = await sql<{ name: string }[]>`
        select table_name as name from information_schema.tables where table_schema = 'public' order by 1`;
      expect(tables.map((table) => table.name)).toEqual([
        'audit',
        'auth_sessions',
        'domain_event',
        'failed_attempts',
        'group_members',
        'group_voice_sessions',
        'groups',
        'history_rejected',
        'live_store',
        'pairing_codes',
        'speaker_history',
        'users',
      ]);
      const applied = await sql`select count(*)::int as count from drizzle.__drizzle_migrations`;
      const journal = await import('../../migrations/meta/_journal.json', { with: { type: 'json' } });
      expect(applied).toMatchObject([{ count: journal.default.entries.length }]);
    } finally {
      await sql.end();
      await empty[Symbol.asyncDispose]();
    }
  });
});

describe('constraints', () => {
  let database: TestDatabase;
  let sql: postgres.Sql;
  const alice = '01890a5d-ac96-774b-bcce-b302099a0001';
  const bob = '01890a5d-ac96-774b-bcce-b302099a0002';
  const group = '01890a5d-ac96-774b-bcce-b302099a0003';
  const voiceSession = '01890a5d-ac96-774b-bcce-b302099a0004';
  const talk = '01890a5d-ac96-774b-bcce-b302099a0005';

  beforeAll(async () => {
    database = await createDatabase();
    sql = postgres(database.url, { max: 2, onnotice: () => undefined });
    await sql`insert into users (id, username, display_name, role) values
      (${alice}, 'alice', 'Alice', 'user'), (${bob}, 'bob', 'Bob', 'user')`;
    await sql`insert into groups (id, name) values (${group}, 'Team')`;
    await sql`insert into group_members (id, group_id, user_id, role, talk)
      values (gen_random_uuid(), ${group}, ${alice}, 'group_manager', 'allowed')`;
    await sql`insert into group_voice_sessions (id, group_id, started_at) values (${voiceSession}, ${group}, now())`;
    await sql`insert into audit (id, actor_type, action, result, request_id)
      values (gen_random_uuid(), 'system', 'test', 'success', 'r')`;
  });

  afterAll(async () => {
    await sql.end();
    await database[Symbol.asyncDispose]();
  });

  const member = (userId: string, role: string, talkRight = 'allowed') => sql`
    insert into group_members (id, group_id, user_id, role, talk)
    values (gen_random_uuid(), ${group}, ${userId}, ${role}, ${talkRight})`;
  const user = (username: string, role = 'user') => sql`
    insert into users (id, username, display_name, role) values (gen_random_uuid(), ${username}, 'X', ${role})`;
  const history = (cause: string, durationMs = 5) => sql`
    insert into speaker_history
      (talk_id, group_id, voice_session_id, user_id, display_name, emergency, started_at, ended_at, duration_ms, cause)
    values (${talk}, ${group}, ${voiceSession}, ${alice}, 'Alice', false, now(), now(), ${durationMs}, ${cause})`;

  it.each([
    ['a second living user of a name', () => user('alice'), 'users_living_username'],
    ['a user name in upper case', () => user('Alice2'), 'users_username'],
    ['an unknown role', () => user('zed', 'root'), 'users_role'],
    ['a second living manager', () => member(bob, 'group_manager'), 'group_members_living_manager'],
    ['a second living membership', () => member(alice, 'member'), 'group_members_living_membership'],
    ['an unknown talk right', () => member(bob, 'member', 'shout'), 'group_members_talk'],
    ['an unknown end cause', () => history('tired'), 'speaker_history_cause'],
    ['a negative duration', () => history('released', -1), 'speaker_history_span'],
  ])('refuse %s', async (_name, insert, constraint) => {
    await expect(insert()).rejects.toMatchObject({ constraint_name: constraint });
  });

  it('let names, memberships and managers come again after a soft deletion', async () => {
    const again = sql.begin(async (tx) => {
      await tx`update users set deleted_at = now() where id = ${bob}`;
      await tx`insert into users (id, username, display_name, role) values (gen_random_uuid(), 'bob', 'Bob', 'user')`;
      await tx`update group_members set deleted_at = now() where user_id = ${alice}`;
      await tx`insert into group_members (id, group_id, user_id, role, talk)
        values (gen_random_uuid(), ${group}, ${alice}, 'group_manager', 'allowed')`;
    });
    await expect(again).resolves.not.toThrow();
  });

  it.each([
    ['changed', () => sql`update audit set action = 'other'`],
    ['deleted', () => sql`delete from audit`],
    ['emptied', () => sql`truncate audit`],
  ])('keep the audit from being %s', async (_name, statement) => {
    await expect(statement()).rejects.toThrow('append only');
    expect(await sql`select action from audit`).toMatchObject([{ action: 'test' }]);
  });
});

describe('live store generations', () => {
  it('rise with an unknown run and an empty store, and else stay, also when processes race', async () => {
    const database = await createDatabase();
    const pools = [1, 2, 3].map(() => connect({ url: database.url, applicationName: 'test' }));
    const replaced: string[] = [];
    const stores = pools.map((pool) =>
      createLiveStoreGenerations({
        runChange: createRunChange(pool),
        onReplaced: async (_context, { key, generation, isEmpty }) => {
          replaced.push(`${key} ${generation}${isEmpty ? ' empty' : ''}`);
        },
      }),
    );
    const ask = (runId: string, isEmpty = false) =>
      Promise.all(stores.map((store) => store.currentGeneration({ key: 'k', runId, isEmpty })));
    try {
      expect(await ask('run-1')).toEqual([1, 1, 1]);
      expect(await ask('run-1')).toEqual([1, 1, 1]);
      expect(await ask('run-2')).toEqual([2, 2, 2]);
      expect((await ask('run-2', true)).toSorted((left, right) => left - right)).toEqual([3, 4, 5]);
      expect(await stores[0]?.currentGeneration({ key: 'other', runId: 'run-2', isEmpty: false })).toBe(1);
      expect(replaced.toSorted()).toEqual(['k 2', 'k 3 empty', 'k 4 empty', 'k 5 empty']);
    } finally {
      await Promise.all(pools.map((pool) => pool.close()));
      await database[Symbol.asyncDispose]();
    }
  });
});
