import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import { repository } from '../_support/deployment.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createEmptyDatabase, startPostgres, type TestPostgres } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';
import { Doors } from './secrets-doors.ts';
import { Secrets } from './secrets-search.ts';

/** `ChildServer` keeps this much; a longer log would have lost its beginning. */
const KEPT_OUTPUT = 1_000_000;
const SEVERAL_STARTS_MS = 120_000;
const DOWN_MS = 15_000;

const secrets = new Secrets();
const adminPassword = secrets.make('ADMIN_PASSWORD');
const metricsToken = secrets.make('METRICS_TOKEN');
/** What an operator hands to the process, and where it must not appear either. */
const ofEnvironment = {
  SECRET_KEY: secrets.make('SECRET_KEY'),
  SECRET_KEY_PREVIOUS: secrets.make('SECRET_KEY_PREVIOUS'),
  LIVEKIT_API_SECRET: secrets.make('LIVEKIT_API_SECRET'),
  ADMIN_PASSWORD: adminPassword,
  METRICS_TOKEN: metricsToken,
};
const databasePassword = secrets.make('the password of DATABASE_URL');
const redisPassword = secrets.make('the password of REDIS_URL');

describe('the search', () => {
  it('finds a secret whole, in part, and in each form that it may have taken', () => {
    const own = new Secrets();
    const value = own.make('it', ' /ä');
    const forms = [
      value,
      value.slice(3, 15),
      encodeURIComponent(value),
      Buffer.from(value).toString('hex'),
      Buffer.from(`root:${value}`).toString('base64'),
      Buffer.from(`a:${value}!`).toString('base64url'),
    ];
    for (const form of forms) expect(own.findIn('a line', `before ${form} after`)).toHaveLength(1);
    expect(own.findIn('a line', `before ${value.slice(0, 11)} after`)).toEqual([]);
  });
});

describe('a server that is told secrets through every door', () => {
  let cluster: TestPostgres;
  let redis: TestRedis;
  let neda: Neda;
  let sql: postgres.Sql;
  let doors: Doors;
  let audit: string;
  let outbox: string;
  let tables: string;
  let metrics: string;

  beforeAll(async () => {
    [cluster, redis] = await Promise.all([startPostgres(), startRedis()]);
    const database = await createEmptyDatabase(cluster.url);
    await redis.command(`CONFIG SET requirepass ${redisPassword}`);
    neda = await startNeda({
      databaseUrl: withPassword(database.url, databasePassword),
      redisUrl: withPassword(redis.url, redisPassword),
      env: {
        ...ofEnvironment,
        NODE_ENV: 'production',
        HOST: '127.0.0.1',
        RATE_LIMITS: 'on',
        LOG_LEVEL: 'trace',
        ADMIN_USERNAME: 'root',
        LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
        LIVEKIT_API_KEY: 'key-of-the-test',
      },
    });
    sql = postgres(database.url, { max: 1, onnotice: () => undefined });
    doors = new Doors(neda.rest, secrets);
    const admin = await doors.signIn('root', adminPassword);
    const token = admin.accessToken;
    const password = secrets.make('the password of a member');
    const made = await neda.rest.createUser(token, { username: 'member', password });
    const { id: groupId } = await neda.rest.createGroup(token, { name: 'Night watch', managerId: made.id });

    await doors.passwords(admin);
    await doors.tokens(admin, { username: 'member', password });
    await doors.addresses(token);
    await doors.pairingCodes(admin, made.id);
    await doors.wire();
    const member = await doors.signIn('member', password);
    await doors.addresses(member.accessToken);
    await doors.gate(member.accessToken, groupId);
    await doors.sockets(member);
    const ofOperator = { headers: { authorization: `Bearer ${metricsToken}` } };
    await neda.rest.expect(200, 'GET', '/metrics', ofOperator);
    for (const { password_hash: hash } of await sql`select password_hash from users where password_hash is not null`) {
      secrets.add('a hash of a password', String(hash));
    }

    await refuseRows(sql);
    await doors.asUsual(admin);
    await sql`drop trigger refuse_for_test on users`;
    const talker = await WsClient.signIn(neda.origin, member.accessToken);
    await redis.kill();
    await talker.request('JOIN_GROUP', { groupId }, DOWN_MS);
    await doors.asUsual(admin);
    audit = await textOf(sql, 'audit');
    outbox = await textOf(sql, 'domain_event');
    tables = await textOfTyped(sql);
    await sql.end();
    await cluster.stop();
    await doors.asUsual(admin);
    await until(() => /postgres/i.test(neda.process.output.slice(-20_000)), {
      limitMs: DOWN_MS,
      describe: () => 'the log tells that PostgreSQL is away',
    });
    metrics = (await neda.rest.request('GET', '/metrics', ofOperator)).text;
    talker.terminate();
    await neda.stop();
  }, 2 * SEVERAL_STARTS_MS);

  afterAll(async () => {
    await neda[Symbol.asyncDispose]();
    await redis[Symbol.asyncDispose]();
    await cluster[Symbol.asyncDispose]();
  });

  it('logs none of them, at any level, while all is well and while nothing is', () => {
    const log = neda.process.output;
    expect(log.length).toBeLessThan(KEPT_OUTPUT);
    for (const sign of [/"level":"debug"/, /"status":401/, /request failed/, /"dependency":"postgres"/, /redis/i]) {
      expect(log).toMatch(sign);
    }
    expect(secrets.findIn('the log', log)).toEqual([]);
  });

  it('tells none of them to who is refused', () => {
    const told = doors.refusals.join('\n');
    for (const sign of [
      '"wrong_password"',
      '"refresh_reused"',
      '"invalid_json"',
      '"body_too_large"',
      '"internal"',
      '"forbidden"',
    ]) {
      expect(told).toContain(sign);
    }
    expect(told).toContain('"dependency_unavailable"');
    expect(told).toContain('"type":"ERROR"');
    expect(secrets.findIn('a refusal', told)).toEqual([]);
  });

  it('keeps none of them in the audit, in the outbox or in any other table', () => {
    for (const action of ['auth.login', 'auth.refresh_reused', 'auth.password_changed', 'user.created']) {
      expect(audit).toContain(action);
    }
    expect(outbox).toContain('session.ended');
    expect(secrets.findIn('the audit', audit)).toEqual([]);
    expect(secrets.findIn('the outbox', outbox)).toEqual([]);
    expect(tables).toContain('device_name');
    expect(secrets.findIn('a table', tables)).toEqual([]);
  });

  it('counts none of them', () => {
    expect(metrics).toContain('neda_sign_ins_total');
    expect(secrets.findIn('the metrics', metrics)).toEqual([]);
  });
});

describe('a command that finds faults', { timeout: 2 * SEVERAL_STARTS_MS }, () => {
  it.each([
    ['the start, with a configuration that it refuses', 'serve', 78],
    ['the doctor, with a configuration that it refuses', 'doctor', 78],
  ])('tells no secret: %s', async (_name, command, code) => {
    const output = await run(command, code, {
      ...ofEnvironment,
      SECRET_KEY: secrets.make('a short SECRET_KEY').slice(0, 20),
      METRICS_TOKEN: ofEnvironment.LIVEKIT_API_SECRET,
      LIVEKIT_HOST: `ftp://user:${secrets.make('a password in LIVEKIT_HOST')}@127.0.0.1`,
      DATABASE_URL: `postgresql+asyncpg://neda:${databasePassword}@127.0.0.1/neda`,
      REDIS_URL: `http://:${redisPassword}@127.0.0.1`,
      ADMIN_USERNAME: 'root',
    });
    expect(output).toContain('DATABASE_URL');
    expect(secrets.findIn('the output', output)).toEqual([]);
  });

  it.each([
    ['the start, with servers that are away', 'serve', 69],
    ['the doctor, with servers that are away', 'doctor', 1],
  ])('tells no secret: %s', async (_name, command, code) => {
    const output = await run(command, code, {
      ...ofEnvironment,
      DATABASE_URL: `postgres://neda:${databasePassword}@127.0.0.1:${await freePort()}/neda`,
      REDIS_URL: `redis://:${redisPassword}@127.0.0.1:${await freePort()}`,
      LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
      LIVEKIT_API_KEY: 'key-of-the-test',
      ADMIN_USERNAME: 'root',
    });
    expect(output).toMatch(/postgres/i);
    expect(secrets.findIn('the output', output)).toEqual([]);
  });
});

/** Runs a command of the server as an operator would in production; returns what it wrote. */
async function run(command: string, code: number, env: Readonly<Record<string, string>>): Promise<string> {
  const directory = await makeTemporaryDirectory('command');
  const child = new ChildServer({
    name: command,
    file: join(repository, 'node_modules', '.bin', 'node'),
    args: [join(repository, 'src', 'main.ts'), command],
    cwd: directory,
    env: { ...bareEnvironment(), NODE_ENV: 'production', PORT: String(await freePort()), LOG_LEVEL: 'trace', ...env },
  });
  try {
    expect(await child.untilExit(SEVERAL_STARTS_MS)).toBe(code);
    return child.output;
  } finally {
    if (child.running) await child.kill();
    await removeDirectory(directory);
  }
}

function withPassword(address: string, password: string): string {
  const url = new URL(address);
  if (url.username === '') url.username = 'default';
  url.password = password;
  return url.href;
}

/** Every new or changed user meets an error of PostgreSQL that quotes his row. */
async function refuseRows(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`
    create function refuse_for_test() returns trigger language plpgsql as $$
    begin raise exception 'refused %', new using detail = new::text, hint = new::text; end $$;
    create trigger refuse_for_test before insert or update on users for each row execute function refuse_for_test()`);
}

async function textOf(sql: postgres.Sql, table: string): Promise<string> {
  const rows = await sql.unsafe<{ row: string }[]>(`select to_jsonb(it)::text as row from ${table} as it`);
  return rows.map(({ row }) => row).join('\n');
}

/** All tables, but for the hashes of passwords, which belong where they are. */
async function textOfTyped(sql: postgres.Sql): Promise<string> {
  const names = await sql<{ name: string }[]>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE'`;
  const texts: string[] = [];
  for (const { name } of names) {
    const rows = await sql.unsafe<{ row: string }[]>(
      `select (to_jsonb(it) - 'password_hash')::text as row from "${name}" as it`,
    );
    texts.push(...rows.map(({ row }) => row));
  }
  return texts.join('\n');
}
