import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { delimiter, dirname, join } from 'node:path';
import postgres from 'postgres';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import { runCommand } from '../_support/command.ts';
import { findLivekitServer } from '../_support/livekit.ts';
import { launchNeda, startNeda, type Neda, type NedaOptions } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createEmptyDatabase } from '../_support/postgres.ts';
import { belongsTo, livingProcesses, startedWith } from '../_support/process-table.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { until } from '../_support/until.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** PATH without any folder that holds a livekit-server. */
const withoutLivekit = { PATH: [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };

/** A start on a busy machine, with a database that is made. */
const START_MS = 60_000;
/** It is promised within 10 s; the rest is for a busy machine. */
const STOP_MS = 15_000;
const BANNER_END = /Stop +Ctrl-C/;

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function directory(): Promise<string> {
  const path = await makeTemporaryDirectory('start');
  cleanups.push(() => removeDirectory(path));
  return path;
}

async function started(options: NedaOptions): Promise<Neda> {
  const neda = await startNeda(options);
  cleanups.push(() => neda[Symbol.asyncDispose]());
  return neda;
}

/** What it has written up to the end of its banner, which comes when it answers already. */
async function greeting(neda: Neda): Promise<string> {
  await neda.process.untilOutput(BANNER_END, STOP_MS);
  return neda.process.output;
}

function npmStart(dataDir: string, port: number): ChildServer {
  const npm = new ChildServer({
    name: 'npm start',
    file: 'npm',
    args: ['start'],
    cwd: REPOSITORY,
    env: { ...bareEnvironment(), PORT: String(port), DATA_DIR: dataDir },
  });
  cleanups.push(async () => {
    if (npm.running) await npm.kill();
  });
  return npm;
}

/** No server on the folder, and no process that was told of it. */
async function nothingLeftOf(dataDir: string): Promise<void> {
  const left = () => livingProcesses().filter(({ pid }) => belongsTo(pid, dataDir) || startedWith(pid, dataDir));
  await until(() => left().length === 0, {
    limitMs: STOP_MS,
    describe: () =>
      `nothing is left; still here: ${left()
        .map(({ command }) => command)
        .join(', ')}`,
  });
}

/** The exit code and the output of a start that is refused. */
async function refused(options: NedaOptions): Promise<{ code: number | null; lines: string[]; output: string }> {
  const neda = await launchNeda(options);
  cleanups.push(() => neda[Symbol.asyncDispose]());
  const code = await neda.process.untilExit(START_MS);
  await neda.expectNothingLeft();
  const { output } = neda.process;
  return { code, output, lines: output.split('\n').filter((line) => line !== '') };
}

describe('npm start with nothing set', () => {
  it.each(['SIGTERM', 'SIGKILL'] as const)(
    'goes with npm when npm alone gets %s',
    { timeout: 120_000 },
    async (signal) => {
      const data = await directory();
      const npm = npmStart(data, await freePort());
      await npm.untilOutput(BANNER_END, START_MS);
      npm.signalOnlyThis(signal);
      await npm.untilExit(STOP_MS);
      await nothingLeftOf(data);
    },
  );

  it('says what runs where, answers, and Ctrl-C leaves no process', { timeout: 120_000 }, async () => {
    const data = await directory();
    const port = await freePort();
    const npm = npmStart(data, port);
    await npm.untilOutput(BANNER_END, START_MS);
    expect(npm.output).toContain(`http://127.0.0.1:${port}`);
    expect(npm.output).toContain(`ws://127.0.0.1:${port}/ws`);
    expect(npm.output).toMatch(/PostgreSQL +embedded/);
    expect(npm.output).toMatch(/Demo logins +admin, alice, bob, carol.*push-to-talk/);
    expect(npm.output).toMatch(/Try next +npm run demo/);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);

    // What a terminal sends to the group must not reach the database before the server is done with it.
    const inGroup = livingProcesses().filter(({ groupId }) => groupId === npm.pid);
    expect(inGroup.map(({ command }) => command)).not.toContain('postgres');
    // A terminal sends the signal to the whole group, and npm sends it to its child once more.
    process.kill(-npm.pid, 'SIGINT');
    process.kill(-npm.pid, 'SIGINT');
    await npm.untilExit(STOP_MS);
    await nothingLeftOf(data);
  });

  it('keeps its secrets to their owner and prints none of them', { timeout: 120_000 }, async () => {
    const home = await directory();
    const neda = await started({ directory: home });
    const path = join(home, '.neda', 'secrets.json');
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const values = Object.values(z.record(z.string(), z.string()).parse(JSON.parse(await readFile(path, 'utf8'))));
    expect(values.length).toBeGreaterThan(3);
    const output = await greeting(neda);
    for (const value of values.filter((secret) => secret.length >= 32)) expect(output).not.toContain(value);
    expect(await neda.stop()).toBe(0);
  });

  it('ends in order however often it is asked', { timeout: 120_000 }, async () => {
    const home = await directory();
    const neda = await started({ directory: home });
    for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGHUP'] as const) neda.process.signalOnlyThis(signal);
    expect(await neda.process.untilExit(STOP_MS)).toBe(0);
    expect(await readFile(join(home, '.neda', 'postgres.log'), 'utf8')).toContain('database system is shut down');
    await neda.expectNothingLeft();
  });

  it(
    'goes on with its data after a stop, a kill -9, and a kill -9 that spared the database',
    { timeout: 180_000 },
    async () => {
      const home = await directory();
      const port = await freePort();
      const first = await started({ directory: home, port });
      const admin = await first.rest.login('admin');
      const made = await first.rest.createUser(admin.accessToken, { username: 'dora' });
      const isStillThere = async (neda: Neda): Promise<void> => {
        const { accessToken } = await neda.rest.login('admin');
        await neda.rest.expect(200, 'GET', `/api/v1/admin/users/${made.id}`, { token: accessToken });
        // the signing key is the same one
        await neda.rest.expect(200, 'GET', '/api/v1/auth/me', { token: admin.accessToken });
      };
      expect(await first.stop()).toBe(0);
      await first.expectNothingLeft();

      const second = await started({ directory: home, port });
      await isStillThere(second);
      await second.kill();
      await second.expectNothingLeft(20_000);

      const third = await started({ directory: home, port });
      await isStillThere(third);
      for (const { pid, command } of livingProcesses()) {
        if (command === 'sh' && belongsTo(pid, home)) process.kill(pid, 'SIGKILL');
      }
      await third.kill();
      expect(livingProcesses().some(({ pid, command }) => command === 'postgres' && belongsTo(pid, home))).toBe(true);

      const fourth = await started({ directory: home, port });
      await isStillThere(fourth);
      expect(await fourth.stop()).toBe(0);
      await fourth.expectNothingLeft();
    },
  );

  it('refuses to run twice on one data folder', { timeout: 120_000 }, async () => {
    const home = await directory();
    const first = await started({ directory: home });
    const second = await refusedBeside(first, { directory: home });
    expect(second.code).not.toBe(0);
    expect(second.lines).toHaveLength(1);
    expect(second.lines[0]).toContain('DATA_DIR');
    await first.rest.expect(200, 'GET', '/readyz');
  });
});

/** As `refused`, for a start beside a server that goes on running in the same directory. */
async function refusedBeside(other: Neda, options: NedaOptions): Promise<{ code: number | null; lines: string[] }> {
  const neda = await launchNeda(options);
  cleanups.push(() => neda[Symbol.asyncDispose]());
  const code = await neda.process.untilExit(START_MS);
  expect(other.process.running).toBe(true);
  return { code, lines: neda.process.output.split('\n').filter((line) => line !== '') };
}

describe('the media server', () => {
  it('is started beside it when livekit-server is on PATH', { timeout: 120_000 }, async () => {
    const folder = dirname(findLivekitServer());
    const neda = await started({ env: { PATH: `${folder}${delimiter}${withoutLivekit.PATH}` } });
    expect(await greeting(neda)).toMatch(/Media +livekit-server, started beside this process, ws:\/\/127\.0\.0\.1:\d+/);
    await neda.rest.expect(200, 'GET', '/health');
    expect(await neda.rest.expect(200, 'GET', '/health')).toMatchObject({
      dependencies: { livekit: { status: 'ok' } },
    });
    expect(await neda.stop()).toBe(0);
    await neda.expectNothingLeft();
  });

  it('is none without one, and the way to get it is told', { timeout: 120_000 }, async () => {
    const neda = await started({ env: withoutLivekit });
    const output = await greeting(neda);
    expect(output).toMatch(/Media +none/);
    expect(output).toContain('go install github.com/livekit/livekit-server/cmd/server@');
    expect(await neda.rest.expect(200, 'GET', '/health')).toMatchObject({
      dependencies: { livekit: { status: 'off' } },
    });
  });

  it('may be down: the server starts and its health says so', { timeout: 120_000 }, async () => {
    const neda = await started({
      env: {
        LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
        LIVEKIT_API_KEY: 'key',
        LIVEKIT_API_SECRET: 'a secret of some server that is away',
      },
    });
    expect(await neda.rest.expect(200, 'GET', '/health')).toMatchObject({
      status: 'degraded',
      dependencies: { livekit: { status: 'down' } },
    });
  });

  it('is none when the program does not serve: the rest runs', { timeout: 120_000 }, async () => {
    const folder = await directory();
    await writeFile(join(folder, 'livekit-server'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const neda = await started({ env: { PATH: `${folder}${delimiter}${withoutLivekit.PATH}` } });
    expect(await greeting(neda)).toMatch(/Media +none: livekit-server is on PATH but did not start/);
  });
});

describe('a start that cannot be', { timeout: 120_000 }, () => {
  it('lists every wrong variable at once and exits 78', async () => {
    const { code, output } = await refused({
      env: {
        PORT: 'eighty',
        LOG_LEVEL: 'loud',
        DATABASE_URL: 'postgresql+asyncpg://neda:hidden-word@db:5432/neda',
        LIVEKIT_HOST: 'http://media',
        KEY_PREFIX: '{tenant}',
      },
    });
    expect(code).toBe(78);
    for (const variable of [
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
      'LIVEKIT_API_KEY',
      'LIVEKIT_API_SECRET',
      'KEY_PREFIX',
    ]) {
      expect(output).toContain(`${variable}:`);
    }
    expect(output).toContain('postgresql://neda:***@db:5432/neda');
    expect(output).not.toContain('hidden-word');
  });

  it('reads .env, and the real environment wins over it', async () => {
    const home = await directory();
    await writeFile(join(home, '.env'), 'LOG_LEVEL=loud\nPORT=nonsense\nPOSTGRES_PASSWORD=for-compose\n');
    const { code, output } = await refused({ directory: home });
    expect(code).toBe(78);
    expect(output).toContain('LOG_LEVEL:');
    expect(output).not.toContain('PORT:');
  });

  it('refuses in production what is for development', async () => {
    const { code, output } = await refused({ env: { NODE_ENV: 'production', DEMO_DATA: 'on' } });
    expect(code).toBe(78);
    for (const variable of ['SECRET_KEY', 'DATABASE_URL', 'REDIS_URL', 'RATE_LIMITS', 'DEMO_DATA']) {
      expect(output).toContain(`${variable}:`);
    }
  });

  it('names a busy port', async () => {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    cleanups.push(async () => server.close());
    const { code, lines } = await refused({ port });
    expect(code).toBeGreaterThan(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`PORT: ${port} .* in use`));
  });

  it('names a data folder that cannot be written', async () => {
    const home = await directory();
    await writeFile(join(home, 'file'), '');
    const { code, lines } = await refused({ directory: home, env: { DATA_DIR: join(home, 'file', 'data') } });
    expect(code).toBeGreaterThan(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('DATA_DIR');
  });

  it.each(['DATABASE_URL', 'REDIS_URL'])('names %s when nothing answers there', async (variable) => {
    const scheme = variable === 'REDIS_URL' ? 'redis' : 'postgresql';
    const { code, lines } = await refused({
      env: { [variable]: `${scheme}://user:hidden-word@127.0.0.1:${await freePort()}/0` },
    });
    expect(code).toBe(69);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${variable}: .*ECONNREFUSED`));
    expect(lines[0]).not.toContain('hidden-word');
  });

  it('names REDIS_URL when another process has the database', { timeout: 120_000 }, async () => {
    const database = await createEmptyDatabase();
    cleanups.push(() => database[Symbol.asyncDispose]());
    const first = await started({ databaseUrl: database.url });
    const { code, lines } = await refused({ databaseUrl: database.url });
    expect(code).toBeGreaterThan(0);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain('REDIS_URL');
    await first.kill();
    const next = await started({ databaseUrl: database.url });
    expect(await next.stop()).toBe(0);
  });
});

describe('the command line', { timeout: 120_000 }, () => {
  const run = (...args: string[]) => runCommand(args, { directory: import.meta.dirname, env: { PORT: 'eighty' } });

  it('says what can be asked, without a configuration', async () => {
    const { code, stdout } = await run('--help');
    expect(code).toBe(0);
    for (const name of ['serve', 'migrate', 'admin', 'doctor']) expect(stdout).toMatch(new RegExp(`^ +${name} `, 'm'));
  });

  it('refuses what is not there with 2, and starts nothing', async () => {
    const { code, stderr } = await run('server');
    expect(code).toBe(2);
    expect(stderr).toMatch(/^"server" is not a command\.\n[^]*^ +serve /m);
  });
});

describe('npm run db:migrate', () => {
  it('applies and exits, and finds nothing to do the second time', { timeout: 120_000 }, async () => {
    const database = await createEmptyDatabase();
    cleanups.push(() => database[Symbol.asyncDispose]());
    const home = await directory();
    await mkdir(join(home, 'unused'));
    for (let time = 1; time <= 2; time += 1) {
      const migrate = new ChildServer({
        name: 'npm run db:migrate',
        file: 'npm',
        args: ['run', 'db:migrate'],
        cwd: REPOSITORY,
        env: { ...bareEnvironment(), DATABASE_URL: database.url, DATA_DIR: join(home, 'unused') },
      });
      expect(await migrate.untilExit(START_MS)).toBe(0);
    }
    const sql = postgres(database.url, { max: 1 });
    cleanups.push(() => sql.end({ timeout: 1 }));
    expect(await sql`select to_regclass('public.users') is not null as made`).toMatchObject([{ made: true }]);
  });
});
