import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../_support/command.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { launchNeda, type Neda, startNeda } from '../_support/neda.ts';
import { createEmptyDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';

const secretKey = randomBytes(36).toString('base64url');
const password = 'a first password, 1st';

let redis: TestRedis;
let livekit: TestLivekit;
let database: TestDatabase;
const cleanups: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  redis = await startRedis();
  livekit = await startLivekit();
});
afterAll(async () => {
  await livekit[Symbol.asyncDispose]();
  await redis[Symbol.asyncDispose]();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function freshDatabase(): Promise<void> {
  const made = await createEmptyDatabase();
  database = made;
  cleanups.push(() => made[Symbol.asyncDispose]());
}

/** The environment of a production server, its servers all real. */
function production(more: Record<string, string>): Record<string, string> {
  return {
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    RATE_LIMITS: 'on',
    SECRET_KEY: secretKey,
    DATABASE_URL: database.url,
    REDIS_URL: redis.url,
    KEY_PREFIX: `${new URL(database.url).pathname.slice(1)}:`,
    ...livekit.env,
    ...more,
  };
}

async function started(more: Record<string, string>): Promise<Neda> {
  const neda = await startNeda({ env: production(more) });
  cleanups.push(() => neda[Symbol.asyncDispose]());
  return neda;
}

async function refused(more: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const neda = await launchNeda({ env: production(more) });
  cleanups.push(() => neda[Symbol.asyncDispose]());
  return { code: await neda.process.untilExit(60_000), output: neda.process.output };
}

describe('the first admin in production', { timeout: 300_000 }, () => {
  it('is made from ADMIN_USERNAME and the file of ADMIN_PASSWORD_FILE, once', async () => {
    await freshDatabase();
    const directory = await makeTemporaryDirectory('first-admin');
    cleanups.push(() => removeDirectory(directory));
    const file = join(directory, 'password');
    await writeFile(file, `${password}\n`, { mode: 0o600 });
    const environment = { ADMIN_USERNAME: 'Chief', ADMIN_PASSWORD_FILE: file };

    const first = await started(environment);
    const { accessToken, user } = await first.rest.login('chief', password);
    expect(user).toMatchObject({ username: 'chief', role: 'admin' });
    // there is no demo data: he is alone
    expect(await first.rest.expect(200, 'GET', '/api/v1/admin/users', { token: accessToken })).toMatchObject({
      items: [{ username: 'chief' }],
    });
    await first.rest.expect(204, 'POST', '/api/v1/auth/password', {
      token: accessToken,
      body: { currentPassword: password, newPassword: 'quite another one' },
    });
    expect(await first.stop()).toBe(0);
    expect(first.process.output).not.toContain(password);

    const second = await started(environment);
    await second.rest.expectProblem(401, 'POST', '/api/v1/auth/login', {
      body: { username: 'chief', password, device: { name: 'test', kind: 'other' } },
    });
    await second.rest.login('chief', 'quite another one');
    expect(await second.stop()).toBe(0);
  });

  it('is not made over somebody else who has the name', async () => {
    await freshDatabase();
    const env = production({});
    expect((await runCommand(['migrate'], { directory: import.meta.dirname, env })).code).toBe(0);
    const made = await runCommand(['admin', 'create', 'chief', '--role', 'user'], {
      directory: import.meta.dirname,
      env,
      input: 'an ordinary one\n',
    });
    expect(made.code).toBe(0);
    const { code, output } = await refused({ ADMIN_USERNAME: 'chief', ADMIN_PASSWORD: password });
    expect(code).toBe(78);
    expect(output).toMatch(/^ADMIN_USERNAME, ADMIN_PASSWORD: username is taken\. Choose another\.$/m);
    expect(output).not.toContain(password);
    const asOther = await started({ ADMIN_USERNAME: 'chief.two', ADMIN_PASSWORD: password });
    expect((await asOther.rest.login('chief.two', password)).user.role).toBe('admin');
    expect((await asOther.rest.login('chief', 'an ordinary one')).user.role).toBe('user');
  });

  it.each([
    ['a common password', 'Football1', /^ADMIN_USERNAME, ADMIN_PASSWORD: password is too common/m],
    ['a short one', 'seven77', /^ {2}ADMIN_PASSWORD: /m],
    ['a sample', 'changeme', /^ {2}ADMIN_PASSWORD: is a sample/m],
  ])('is refused with 78 for %s', async (_what, given, reason) => {
    await freshDatabase();
    const { code, output } = await refused({ ADMIN_USERNAME: 'chief', ADMIN_PASSWORD: given });
    expect(code).toBe(78);
    expect(output).toMatch(reason);
    expect(output).not.toContain(given);
  });
});

describe('a Redis that throws keys away', { timeout: 120_000 }, () => {
  it('is told at the start, in one warning that says how to mend it, and the server runs', async () => {
    await freshDatabase();
    const evicting = await startRedis({ maxmemory: '50mb', 'maxmemory-policy': 'allkeys-lru' });
    cleanups.push(() => evicting[Symbol.asyncDispose]());
    const neda = await started({ REDIS_URL: evicting.url });
    await neda.process.untilOutput(/noeviction/, 15_000);
    const warnings = neda.process.output.split('\n').filter((line) => line.includes('"level":"warn"'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(/REDIS_URL.*maxmemory-policy to noeviction/);
    expect(warnings[0]).toContain('"evictionPolicy":"allkeys-lru"');
  });

  it('is not told of one that keeps them', async () => {
    await freshDatabase();
    const neda = await started({});
    expect(await neda.stop()).toBe(0);
    expect(neda.process.output).not.toContain('noeviction');
  });
});
