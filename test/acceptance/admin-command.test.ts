import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BUSY_MS } from '../_support/busy.ts';
import { type CommandResult, runCommand, runInTerminal, runScript } from '../_support/command.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, createEmptyDatabase, type TestDatabase } from '../_support/postgres.ts';
import { belongsTo, livingProcesses } from '../_support/process-table.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';
import { WsClient } from '../_support/ws-client.ts';

const secretKey = randomBytes(36).toString('base64url');

describe('npm run admin', { timeout: 180_000 }, () => {
  let database: TestDatabase;
  let neda: Neda;
  let home: string;

  beforeAll(async () => {
    database = await createDatabase();
    neda = await startNeda({ databaseUrl: database.url, env: { SECRET_KEY: secretKey } });
    home = await makeTemporaryDirectory('admin-command');
  });
  afterAll(async () => {
    await neda[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await removeDirectory(home);
  });

  /** As an operator of a production system: nobody answers at its Redis. */
  async function admin(args: readonly string[], input?: string, env = {}): Promise<CommandResult> {
    return runCommand(['admin', ...args], {
      directory: home,
      env: {
        NODE_ENV: 'production',
        DATABASE_URL: database.url,
        REDIS_URL: 'redis://127.0.0.1:9',
        SECRET_KEY: secretKey,
        ...env,
      },
      ...(input === undefined ? {} : { input }),
    });
  }

  async function isAdmin(username: string, password: string): Promise<boolean> {
    return (await neda.rest.login(username, password)).user.role === 'admin';
  }

  it('makes an admin who can sign in at once, with the password from standard input', async () => {
    const made = await admin(['create', 'Chief.One', '--display-name', 'The Chief'], 'correct horse battery\nmore\n');
    expect(made).toEqual({ code: 0, stdout: 'Made the admin chief.one.\n', stderr: '' });
    const { user, accessToken } = await neda.rest.login('chief.one', 'correct horse battery');
    expect(user).toMatchObject({ role: 'admin', displayName: 'The Chief' });
    await neda.rest.expect(200, 'GET', '/api/v1/admin/users', { token: accessToken });
  });

  it('makes an ordinary user when told so, and shows a generated password once', async () => {
    const made = await admin(['create', 'dora', '--role', 'user', '--generate']);
    expect(made.code).toBe(0);
    const [, password = ''] = /^Password: (\S+) {3}\(shown this once\)$/m.exec(made.stdout) ?? [];
    expect(password.replaceAll('-', '')).toMatch(/^[a-z2-9]{20}$/);
    expect(await isAdmin('dora', password)).toBe(false);
    const again = await admin(['create', 'dina', '--role', 'user', '--generate']);
    expect(again.stdout).not.toContain(password);
  });

  it('resets a password: sockets close within 2 s, the old password and old tokens are refused', async () => {
    await admin(['create', 'erik', '--role', 'user'], 'before the change\n');
    const tokens = await neda.rest.login('erik', 'before the change');
    const socket = await WsClient.signIn(neda.origin, tokens.accessToken);
    const reset = await admin(['reset-password', 'ERIK'], 'after the change\n');
    expect(reset.code).toBe(0);
    expect(reset.stdout).toMatch(/^Changed the password of erik;/);
    expect((await socket.closed(2_000 + BUSY_MS)).code).toBe(4503);
    await neda.rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: tokens.accessToken });
    await expect(neda.rest.login('erik', 'before the change')).rejects.toThrow(/401/);
    await neda.rest.login('erik', 'after the change');
  });

  it('leaves audit rows of the system, with one request id a command and no password', async () => {
    await admin(['create', 'fred'], 'a password to be looked for\n');
    await admin(['reset-password', 'fred'], 'another password to look for\n');
    const sql = postgres(database.url, { max: 1 });
    try {
      const rows = await sql<{ action: string; actor: string; request: string; all: string }[]>`
        select action, actor_type as actor, request_id as request, to_jsonb(audit)::text as all
        from audit where target_id = (select id::text from users where username = 'fred') order by id`;
      expect(rows.map(({ action, actor }) => `${action} ${actor}`)).toEqual([
        'user.created system',
        'user.password_set system',
      ]);
      for (const { request, all } of rows) {
        expect(request).toMatch(/^command-[0-9a-f-]{36}$/);
        expect(all).not.toContain('look');
      }
      expect(new Set(rows.map(({ request }) => request)).size).toBe(2);
    } finally {
      await sql.end({ timeout: 1 });
    }
  });

  it('lists users, and those that a search finds', async () => {
    await admin(['create', 'gina', '--role', 'user', '--display-name', 'Gina of the Yard', '--generate']);
    const all = await admin(['list']);
    expect(all.code).toBe(0);
    expect(all.stdout.split('\n').map((line) => line.split(' ')[0])).toEqual(
      expect.arrayContaining(['admin', 'alice', 'bob', 'carol', 'gina']),
    );
    const found = await admin(['list', '--search', 'THE YARD']);
    expect(found.stdout).toMatch(/^gina +user +\d{4}-\d\d-\d\d +Gina of the Yard\n$/);
    expect(await admin(['list', '--search', 'no such name'])).toMatchObject({
      code: 0,
      stdout: 'There is no such user.\n',
    });
  });

  it('makes a pairing code that signs a watch in, once', async () => {
    const made = await admin(['pairing-code', 'bob']);
    expect(made.code).toBe(0);
    const [code] = /^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}(?= )/.exec(made.stdout) ?? [];
    const body = { code, device: { name: 'a watch', kind: 'watch' } };
    expect(await neda.rest.expect(200, 'POST', '/api/v1/auth/pair', { body })).toMatchObject({
      user: { username: 'bob' },
    });
    await neda.rest.expectProblem(401, 'POST', '/api/v1/auth/pair', { body });
  });

  it.each<[string, string[], string, RegExp]>([
    ['a name that is taken', ['create', 'alice'], 'good enough\n', /username is taken/],
    ['nobody of that name (password)', ['reset-password', 'nobody'], 'good enough\n', /no user nobody/],
    ['nobody of that name (pairing)', ['pairing-code', 'nobody'], '', /no user nobody/],
    ['a common password', ['create', 'hugo'], 'Password1\n', /password is too common/],
    ['a short password', ['reset-password', 'alice'], 'short\n', /password must be at least 8 characters/],
  ])('exits 1 for %s', async (_what, args, input, reason) => {
    const { code, stdout, stderr } = await admin(args, input);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(reason);
  });

  it.each<[string, string[], RegExp]>([
    ['nothing to do', [], /npm run admin -- <what>/],
    ['an unknown command', ['remove', 'alice'], /"remove" is not there/],
    ['a missing name', ['create'], /<username> is missing/],
    ['a word too many', ['reset-password', 'alice', 'sesame'], /one word too many/],
    ['a password on the command line', ['create', 'hugo', '--password', 'sesame street'], /--password/],
    ['a name that none can be', ['create', 'a b'], /<username> must be 2 to 64 characters/],
    ['an unknown role', ['create', 'hugo', '--role', 'boss'], /--role .*admin/],
    ['an empty display name', ['create', 'hugo', '--display-name', ' '], /--display-name/],
    ['an empty search', ['list', '--search', ''], /--search is empty/],
    ['no password on standard input', ['create', 'hugo'], /Standard input holds no password/],
  ])('exits 2 for %s', async (_what, args, reason) => {
    const { code, stdout, stderr } = await admin(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(reason);
    expect(stderr).not.toMatch(/^ +at /m);
  });

  it('exits 69 when the database is away, and names it', async () => {
    const result = await admin(['list'], '', {
      DATABASE_URL: `postgresql://u:hidden-word@127.0.0.1:${await freePort()}/x`,
    });
    expect(result.code).toBe(69);
    expect(result.stderr).toMatch(/^DATABASE_URL: .*ECONNREFUSED/);
    expect(result.stderr).not.toContain('hidden-word');
  });

  it('exits 78 with every fault of the configuration, before it asks for a password', async () => {
    const result = await admin(['create', 'hugo'], '', { PORT: 'eighty', SECRET_KEY: 'short' });
    expect(result.code).toBe(78);
    expect(result.stderr).toMatch(/PORT: .*\n.*fix: [^]*SECRET_KEY: /);
  });

  it('does not migrate a database that it was given, and says who does', async () => {
    const empty = await createEmptyDatabase();
    try {
      const result = await admin(['list'], '', { DATABASE_URL: empty.url });
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('npm run db:migrate');
      const sql = postgres(empty.url, { max: 1 });
      expect(await sql`select to_regclass('public.users') as made`).toMatchObject([{ made: null }]);
      await sql.end({ timeout: 1 });
    } finally {
      await empty[Symbol.asyncDispose]();
    }
  });

  it('helps, for the whole and for each, without a configuration', async () => {
    const asked = [['--help'], ...['create', 'reset-password', 'list', 'pairing-code'].map((name) => [name, '--help'])];
    await Promise.all(
      asked.map(async (args) => {
        const { code, stdout } = await admin(args, '', { PORT: 'eighty' });
        expect(code).toBe(0);
        expect(stdout).toContain(`npm run admin -- ${args.length === 2 ? args[0] : '<what>'}`);
      }),
    );
    const { stdout } = await admin(['--help']);
    for (const line of ['create', 'reset-password', 'list', 'pairing-code', '69', '78']) {
      expect(stdout).toMatch(new RegExp(`^ +${line} `, 'm'));
    }
  });

  it('hands arguments, standard input and exit code through npm', async () => {
    const env = { DATABASE_URL: database.url, SECRET_KEY: secretKey, DATA_DIR: join(home, 'unused') };
    const made = await runScript('admin', ['create', 'ines', '--display-name', 'Ines K.'], {
      env,
      input: 'over by npm\n',
    });
    expect(made).toMatchObject({ code: 0, stdout: 'Made the admin ines.\n' });
    expect(await isAdmin('ines', 'over by npm')).toBe(true);
    expect((await runScript('admin', ['create', 'ines'], { env, input: 'over by npm\n' })).code).toBe(1);
    expect((await runScript('admin', ['remove'], { env })).code).toBe(2);
  });

  describe('in a terminal', () => {
    const env = () => ({ DATABASE_URL: database.url, SECRET_KEY: secretKey });

    it('asks twice and shows nothing of what is typed', async () => {
      const made = await runInTerminal(['admin', 'create', 'jana'], {
        directory: home,
        env: env(),
        typed: [
          ['New password for jana', 'typed in tne dark\u007F\u007F\u007F\u007F\u007F\u007F\u007Fhe dark\r'],
          ['The same again', 'typed in the dark\r'],
        ],
      });
      expect(made.code).toBe(0);
      expect(made.stdout).not.toMatch(/typed|dark/);
      expect(await isAdmin('jana', 'typed in the dark')).toBe(true);
    });

    it('changes nothing when the two differ', async () => {
      const made = await runInTerminal(['admin', 'create', 'jens'], {
        directory: home,
        env: env(),
        typed: [
          ['New password for jens', 'typed in the dark\r'],
          ['The same again', 'typed in the dusk\r'],
        ],
      });
      expect(made.code).toBe(1);
      expect(made.stdout).toContain('not the same');
      expect((await admin(['list', '--search', 'jens'])).stdout).toBe('There is no such user.\n');
    });

    it.each([
      ['Ctrl-C', '\u0003', 130],
      ['Ctrl-D', '\u0004', 2],
    ])('%s ends it with nothing done', async (_key, typed, code) => {
      const made = await runInTerminal(['admin', 'create', 'jost'], {
        directory: home,
        env: env(),
        typed: [['New password for jost', typed]],
      });
      expect(made.code).toBe(code);
      expect((await admin(['list', '--search', 'jost'])).stdout).toBe('There is no such user.\n');
    });
  });
});

describe('npm run admin with the embedded database', { timeout: 300_000 }, () => {
  const create = (directory: string, name: string): Promise<CommandResult> =>
    runCommand(['admin', 'create', name], { directory, input: 'good enough for me\n' });

  it('starts it, does its work and leaves no process; the next start has the admin', async () => {
    const directory = await makeTemporaryDirectory('admin-embedded');
    try {
      expect(await create(directory, 'early')).toEqual({ code: 0, stdout: 'Made the admin early.\n', stderr: '' });
      expect(livingProcesses().filter(({ pid }) => belongsTo(pid, directory))).toEqual([]);
      const neda = await startNeda({ directory });
      try {
        expect((await neda.rest.login('early', 'good enough for me')).user.role).toBe('admin');
      } finally {
        await neda.stop();
      }
    } finally {
      await removeDirectory(directory);
    }
  });

  it('uses that of a running server, which goes on and hears of the change', async () => {
    const neda = await startNeda();
    try {
      expect(await create(neda.directory, 'late')).toMatchObject({ code: 0 });
      expect((await neda.rest.login('late', 'good enough for me')).user.role).toBe('admin');
      const tokens = await neda.rest.login('alice');
      const socket = await WsClient.signIn(neda.origin, tokens.accessToken);
      const reset = await runCommand(['admin', 'reset-password', 'alice', '--generate'], { directory: neda.directory });
      expect(reset.code).toBe(0);
      expect((await socket.closed(2_000 + BUSY_MS)).code).toBe(4503);
      const code = await runCommand(['admin', 'pairing-code', 'bob'], { directory: neda.directory });
      const body = { code: code.stdout.split(' ')[0], device: { name: 'a watch', kind: 'watch' } };
      await neda.rest.expect(200, 'POST', '/api/v1/auth/pair', { body });
      await neda.rest.expect(200, 'GET', '/readyz');
      expect(await neda.stop()).toBe(0);
      await neda.expectNothingLeft();
    } finally {
      await neda[Symbol.asyncDispose]();
    }
  });

  it('reads .env of its folder as the server does', async () => {
    const directory = await makeTemporaryDirectory('admin-env');
    try {
      await writeFile(join(directory, '.env'), 'DATABASE_URL=nonsense\n');
      expect(await create(directory, 'nobody')).toMatchObject({ code: 78 });
    } finally {
      await removeDirectory(directory);
    }
  });
});
