import { randomBytes } from 'node:crypto';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type CommandResult, runCommand, runScript } from '../_support/command.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, createEmptyDatabase, startPostgres, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, startSentinel, type TestRedis } from '../_support/redis.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';

const secretKey = randomBytes(36).toString('base64url');

let database: TestDatabase;
let redis: TestRedis;
let livekit: TestLivekit;
let home: string;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  database = await createDatabase();
  redis = await startRedis({ appendonly: 'yes' });
  livekit = await startLivekit();
});
afterAll(async () => {
  await livekit[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function directory(): Promise<string> {
  const path = await makeTemporaryDirectory('doctor');
  cleanups.push(() => removeDirectory(path));
  return path;
}

function production(): Record<string, string> {
  return {
    NODE_ENV: 'production',
    SECRET_KEY: secretKey,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    ...livekit.env,
    LIVEKIT_PUBLIC_URL: 'wss://livekit.example.org',
  };
}

async function doctor(env: Record<string, string>, workingDir?: string): Promise<CommandResult> {
  home = workingDir ?? (await directory());
  return runCommand(['doctor'], { directory: home, env });
}

/** The lines about one thing, without the name. */
function about(what: string, { stdout }: CommandResult): string[] {
  const lines = stdout.split('\n').flatMap((line) => {
    const [, level, name, text] = /^(ok|warning|FAILED) +(.+?) +— (.*)$/.exec(line) ?? [];
    return name === what ? [`${level}: ${text}`] : [];
  });
  return lines;
}

describe('npm run doctor', { timeout: 240_000 }, () => {
  it('finds nothing wrong in a healthy production, changes nothing and prints no secret', async () => {
    const result = await doctor(production());
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).not.toMatch(/FAILED|warning /);
    expect(about('database', result)[0]).toMatch(
      /^ok: PostgreSQL \d+\S* at 127\.0\.0\.1:\d+, database test_\w+, user /,
    );
    expect(about('database clock', result)[0]).toMatch(/^ok: the clock of PostgreSQL agrees/);
    expect(about('migrations', result)[0]).toMatch(/^ok: \d+ applied, none pending/);
    expect(about('redis', result)[0]).toMatch(/^ok: Redis [7-9]\S* at 127\.0\.0\.1:\d+, standalone/);
    expect(about('redis memory', result)[0]).toMatch(/^ok: maxmemory-policy noeviction.* no limit$/);
    expect(about('redis persistence', result)[0]).toMatch(/^ok: appendonly/);
    expect(about('redis latency', result)[0]).toMatch(/^ok: \d/);
    expect(about('livekit', result)).toEqual([`ok: answers at ${livekit.host} and takes the key pair`]);
    expect(about('livekit clock', result)[0]).toMatch(/^ok: the clock of LiveKit/);
    expect(about('livekit for clients', result)).toEqual(['ok: wss://livekit.example.org']);
    expect(about('origins', result)[0]).toMatch(/^ok: none/);
    for (const secret of [secretKey, livekit.apiSecret]) expect(result.stdout).not.toContain(secret);
    expect(await redis.command('DBSIZE')).toBe(':0\r\n');
    expect(await readdir(home)).toEqual([]);
  });

  it('works beside the running server', async () => {
    const env = { ...production(), HOST: '127.0.0.1', RATE_LIMITS: 'on' };
    const neda = await startNeda({ env });
    cleanups.push(() => neda[Symbol.asyncDispose]());
    expect((await doctor(env)).code).toBe(0);
    await neda.rest.expect(200, 'GET', '/readyz');
  });

  it('sees that the key pair is not that of LiveKit, without printing it', async () => {
    const wrong = randomBytes(24).toString('hex');
    const result = await doctor({ ...production(), LIVEKIT_API_SECRET: wrong });
    expect(result.code).toBe(1);
    expect(about('livekit', result)[0]).toMatch(
      /^FAILED: .* refuses the key pair; set LIVEKIT_API_KEY and LIVEKIT_API_SECRET/,
    );
    expect(result.stdout).not.toContain(wrong);
    expect(about('database', result)[0]).toMatch(/^ok/);
  });

  it('sees that Redis throws keys away when it is full', async () => {
    const evicting = await startRedis({ maxmemory: '50mb', 'maxmemory-policy': 'allkeys-lru' });
    cleanups.push(() => evicting[Symbol.asyncDispose]());
    const result = await doctor({ ...production(), REDIS_URL: evicting.url });
    expect(result.code).toBe(1);
    expect(about('redis memory', result)[0]).toMatch(
      /^FAILED: maxmemory-policy allkeys-lru.*set maxmemory-policy to noeviction$/,
    );
    expect(about('redis persistence', result)[0]).toMatch(/^ok: none/);
  });

  it('looks at the rest when Redis, PostgreSQL and LiveKit are away, and names each variable', async () => {
    const nobody = `127.0.0.1:${await freePort()}`;
    const result = await doctor({
      ...production(),
      REDIS_URL: `redis://:hidden-word@${nobody}`,
      DATABASE_URL: `postgresql://u:other-word@${nobody}/x`,
      LIVEKIT_HOST: `http://${nobody}`,
    });
    expect(result.code).toBe(1);
    expect(about('redis', result)[0]).toMatch(/^FAILED: REDIS_URL: no Redis answers .*ECONNREFUSED/);
    expect(about('database', result)[0]).toMatch(/^FAILED: DATABASE_URL: no PostgreSQL answers .*ECONNREFUSED/);
    expect(about('livekit', result)[0]).toMatch(/^FAILED: LIVEKIT_HOST: no LiveKit answers .*ECONNREFUSED/);
    expect(about('origins', result)).toHaveLength(1);
    expect(result.stdout).toMatch(/3 failed\.\n$/);
    expect(result.stdout).not.toMatch(/hidden-word|other-word/);
  });

  it('does not wait for servers that are frozen', async () => {
    const frozen = await startRedis();
    const cluster = await startPostgres();
    cleanups.push(
      () => frozen[Symbol.asyncDispose](),
      () => cluster[Symbol.asyncDispose](),
    );
    frozen.pause();
    cluster.pause();
    cleanups.push(async () => {
      frozen.resume();
      cluster.resume();
    });
    const startedAtMs = performance.now();
    const result = await doctor({ ...production(), REDIS_URL: frozen.url, DATABASE_URL: cluster.url });
    expect(performance.now() - startedAtMs).toBeLessThan(25_000);
    expect(result.code).toBe(1);
    expect(about('redis', result)[0]).toMatch(/^FAILED/);
    expect(about('database', result)[0]).toMatch(/^FAILED/);
    expect(about('livekit', result)[0]).toMatch(/^ok/);
  });

  it('lists pending migrations and applies none', async () => {
    const empty = await createEmptyDatabase();
    cleanups.push(() => empty[Symbol.asyncDispose]());
    const result = await doctor({ ...production(), DATABASE_URL: empty.url });
    expect(result.code).toBe(0);
    expect(about('migrations', result)[0]).toMatch(
      /^warning: 0 applied, \d+ pending \(0000_initial, .*npm run db:migrate/,
    );
    const sql = postgres(empty.url, { max: 1 });
    cleanups.push(() => sql.end({ timeout: 1 }));
    expect(await sql`select to_regnamespace('drizzle') as made`).toMatchObject([{ made: null }]);
  });

  it('sees a database that a later release has migrated, and a user who may not', async () => {
    const own = await createDatabase();
    cleanups.push(() => own[Symbol.asyncDispose]());
    const sql = postgres(own.url, { max: 1, onnotice: () => undefined });
    cleanups.push(() => sql.end({ timeout: 1 }));
    const user = `guest_${randomBytes(4).toString('hex')}`;
    await sql`create role ${sql(user)} login`;
    cleanups.push(async () => {
      await sql`drop owned by ${sql(user)}`;
      await sql`drop role ${sql(user)}`;
    });
    const asUser = new URL(own.url);
    asUser.username = user;

    const stranger = await doctor({ ...production(), DATABASE_URL: asUser.href });
    expect(stranger.code).toBe(1);
    expect(about('migrations', stranger)[0]).toMatch(/^FAILED: guest_\w+ may not read them/);

    await sql`grant usage on schema drizzle to ${sql(user)}`;
    await sql`grant select on all tables in schema drizzle to ${sql(user)}`;
    const reader = await doctor({ ...production(), DATABASE_URL: asUser.href });
    expect(reader.code).toBe(0);
    expect(about('migrations', reader)[1]).toMatch(
      /^warning: guest_\w+ may not apply those of a later release; GRANT CREATE/,
    );

    await sql`insert into drizzle.__drizzle_migrations (hash, created_at) values ('later', 32503680000000)`;
    const newer = await doctor({ ...production(), DATABASE_URL: own.url });
    expect(newer.code).toBe(0);
    expect(about('migrations', newer)[0]).toMatch(/^warning: the database has 1 newer than this release/);
  });

  it('sees a database that takes no changes', async () => {
    const own = await createDatabase();
    cleanups.push(() => own[Symbol.asyncDispose]());
    const sql = postgres(own.url, { max: 1, onnotice: () => undefined });
    await sql.unsafe(`alter database "${new URL(own.url).pathname.slice(1)}" set default_transaction_read_only = on`);
    await sql.end({ timeout: 1 });
    const result = await doctor({ ...production(), DATABASE_URL: own.url });
    expect(result.code).toBe(1);
    expect(about('database', result)[0]).toMatch(/^FAILED: .* takes no changes: name the primary in DATABASE_URL/);
  });

  it('asks the Redis that Sentinels name, and says so when they do not answer', async () => {
    const sentinel = await startSentinel(redis, 'doctored');
    cleanups.push(() => sentinel[Symbol.asyncDispose]());
    const found = await doctor({ ...production(), REDIS_URL: sentinel.url });
    expect(found.code).toBe(0);
    expect(about('redis', found)[0]).toMatch(/^ok: Redis .* standalone/);
    const away = `redis+sentinel://:hidden-word@127.0.0.1:${await freePort()}/doctored`;
    const result = await doctor({ ...production(), REDIS_URL: away });
    expect(result.code).toBe(1);
    expect(about('redis', result)[0]).toMatch(/^FAILED: REDIS_URL: no Redis answers/);
    expect(result.stdout).not.toContain('hidden-word');
  });

  it('names the command that the access list of Redis refuses', async () => {
    const guarded = await startRedis();
    cleanups.push(() => guarded[Symbol.asyncDispose]());
    await guarded.command('ACL SETUSER neda on >a-password ~* &* +@all -info');
    await guarded.command('ACL SETUSER guest on >a-password ~* &* +@all -config');
    const url = (user: string): string => guarded.url.replace('//', `//${user}:a-password@`);
    const blind = await doctor({ ...production(), REDIS_URL: url('neda') });
    expect(blind.code).toBe(1);
    expect(about('redis', blind)[0]).toMatch(/^FAILED: .*may not ask INFO.*\+info$/);
    const usual = await doctor({ ...production(), REDIS_URL: url('guest') });
    expect(usual.code).toBe(0);
    expect(about('redis memory', usual)[0]).toMatch(/^ok: maxmemory-policy noeviction/);
    expect(about('redis persistence', usual)[0]).toContain('CONFIG GET save');
  });

  it('exits 78 with every fault of the configuration and does not print the secrets', async () => {
    const result = await doctor({ ...production(), SECRET_KEY: 'tiny-secret-7531', LOG_LEVEL: 'loud' });
    expect(result.code).toBe(78);
    const faults = about('configuration', result);
    expect(faults).toHaveLength(2);
    expect(faults.join('\n')).toMatch(/^FAILED: LOG_LEVEL .*use one of[^]*FAILED: SECRET_KEY .*too short.*openssl/);
    expect(result.stdout).not.toContain('7531');
  });

  it('warns of secrets that others can read, of unencrypted origins and addresses', async () => {
    const workingDir = await directory();
    const keyFile = join(workingDir, 'key');
    await writeFile(keyFile, secretKey, { mode: 0o644 });
    await chmod(keyFile, 0o644);
    const { SECRET_KEY: _key, ...rest } = production();
    const env = {
      ...rest,
      SECRET_KEY_FILE: keyFile,
      ALLOWED_ORIGINS: 'http://talk.example.org,https://other.example.org',
      LIVEKIT_PUBLIC_URL: 'ws://livekit.example.org',
    };
    const result = await doctor(env, workingDir);
    expect(result.code).toBe(0);
    expect(about('secrets', result)).toEqual([
      `warning: ${keyFile} can be read by every user of this machine; chmod 600 ${keyFile}`,
    ]);
    expect(about('origins', result)[0]).toMatch(/^warning: http:\/\/talk\.example\.org is not encrypted/);
    expect(about('livekit for clients', result)[0]).toMatch(/^warning: ws:\/\/livekit\.example\.org is not encrypted/);
    await chmod(keyFile, 0o600);
    const envFile = join(workingDir, '.env');
    await writeFile(envFile, `METRICS_TOKEN=${randomBytes(24).toString('hex')}\n`);
    await chmod(envFile, 0o646);
    expect(about('secrets', await doctor(env, workingDir))).toEqual([
      `warning: ${envFile} can be changed by every user of this machine; chmod 600 ${envFile}`,
    ]);
    await writeFile(envFile, 'LOG_LEVEL=info\n');
    expect(about('secrets', await doctor(env, workingDir))[0]).toMatch(/^ok: SECRET_KEY/);
    const alone = await doctor(
      { ...env, LIVEKIT_PUBLIC_URL: 'wss://127.0.0.1', ALLOWED_ORIGINS: '', TALK_PAGE: 'on' },
      workingDir,
    );
    expect(about('livekit for clients', alone)[0]).toMatch(/^warning: .*this machine only/);
    expect(about('origins', alone)[0]).toMatch(/^warning: TALK_PAGE is on and ALLOWED_ORIGINS is empty/);
  });

  it('says in development what is embedded and whether it runs, and makes nothing', async () => {
    const workingDir = await directory();
    const path = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };
    const before = await doctor(path, workingDir);
    expect(before.code).toBe(0);
    expect(about('database', before)[0]).toMatch(/^ok: embedded, .*not running; npm start starts it/);
    expect(about('data folder', before)[0]).toMatch(/^ok: .*not made yet/);
    expect(about('livekit', before)[0]).toMatch(/^warning: none: livekit-server is not on PATH/);
    expect(await readdir(workingDir)).toEqual([]);

    const neda = await startNeda({ directory: workingDir, env: path });
    cleanups.push(() => neda.stop());
    const during = await doctor(path, workingDir);
    expect(during.code).toBe(0);
    expect(about('database', during)).toEqual([
      expect.stringContaining(`run by process ${neda.process.pid}`),
      expect.stringMatching(/^ok: PostgreSQL/),
    ]);
    expect(about('migrations', during)[0]).toMatch(/^ok: /);
  });

  it('tells in development which secrets production would refuse, and a folder that cannot be written', async () => {
    const workingDir = await directory();
    await writeFile(join(workingDir, 'file'), '');
    const result = await doctor({ METRICS_TOKEN: 'abcdefg', DATA_DIR: join(workingDir, 'file', 'data') }, workingDir);
    expect(result.code).toBe(1);
    expect(about('secrets', result)[0]).toMatch(/^warning: METRICS_TOKEN is too short, which production refuses/);
    expect(about('data folder', result)[0]).toMatch(/^FAILED: .*DATA_DIR/);
    expect(result.stdout).not.toContain('abcdefg');

    const damaged = await directory();
    await writeFile(join(damaged, 'secrets.json'), '{}');
    const other = await doctor({ DATA_DIR: damaged });
    expect(other.code).toBe(1);
    expect(about('data folder', other)[1]).toMatch(/^FAILED: .*secrets\.json is damaged/);
  });

  it('runs as a script, helps, and refuses arguments', async () => {
    const result = await runScript('doctor', [], { env: production() });
    expect(result.code).toBe(0);
    expect((await runScript('doctor', ['--help'], {})).stdout).toMatch(/Exit codes:[^]*78/);
    expect((await runScript('doctor', ['--mend'], {})).code).toBe(2);
  });
});
