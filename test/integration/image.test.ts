import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { bareEnvironment, ChildServer } from '../_support/child-server.ts';
import {
  copiedPaths,
  environmentOf,
  type Instruction,
  readComposition,
  readDockerfile,
  repository,
  stagesOf,
} from '../_support/deployment.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { freePort } from '../_support/ports.ts';
import { createEmptyDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { Rest } from '../_support/rest.ts';
import { makeTemporaryDirectory, removeDirectory } from '../_support/temporary-directory.ts';

const run = promisify(execFile);
const INSTALL_LIMIT_MS = 300_000;

/** No container engine is needed: the files that the image would hold, its dependencies and its command, by hand. */
describe('what the image holds', () => {
  let image: string;
  let database: TestDatabase;
  let redis: TestRedis;
  let livekit: TestLivekit;

  beforeAll(async () => {
    image = await makeTemporaryDirectory('image');
    const [dependencies = [], talkPage = [], last = []] = stagesOf(await readDockerfile());
    await copy(image, [...dependencies, ...last]);
    await runIn(image, dependencies);
    await copy(join(image, 'stage'), talkPage);
    // The stage installs the packages that are here already.
    await symlink(join(repository, 'node_modules'), join(image, 'stage', 'node_modules'));
    await runIn(
      join(image, 'stage'),
      talkPage.filter(({ rest }) => !rest.startsWith('npm ci')),
    );
    await cp(join(image, 'stage', 'dist'), join(image, 'dist'), { recursive: true });
    await removeDirectory(join(image, 'stage'));
    [database, redis, livekit] = await Promise.all([createEmptyDatabase(), startRedis(), startLivekit()]);
  }, INSTALL_LIMIT_MS);

  afterAll(async () => {
    await Promise.all([database, redis, livekit].map((server) => server[Symbol.asyncDispose]()));
    await removeDirectory(image);
  });

  it('is enough to start with the environment of compose, and lets a demo user in', { timeout: 180_000 }, async () => {
    const port = await freePort();
    const server = new ChildServer({
      name: 'the image',
      file: join(repository, 'node_modules', '.bin', 'node'),
      args: ['src/main.ts'],
      cwd: image,
      env: {
        ...bareEnvironment(),
        DATA_DIR: join(image, 'data'),
        ...environmentOf(await readComposition(), 'backend'),
        HOST: '127.0.0.1',
        PORT: String(port),
        DATABASE_URL: database.url,
        REDIS_URL: redis.url,
        ...livekit.env,
      },
    });
    try {
      const rest = new Rest(`http://127.0.0.1:${port}`);
      await server.untilReady(async () => (await rest.request('GET', '/readyz')).status === 200, 60_000);
      await expect(checkHealth(port)).resolves.toBeDefined();
      const page = await rest.request('GET', '/talk');
      expect(page.status).toBe(200);
      const files = [...page.text.matchAll(/"(\/talk\/[^"]+)"/g)].map(([, file]) => file ?? '');
      expect(files.length).toBeGreaterThan(4);
      // And what a script loads only when it is needed.
      const main = await rest.request('GET', files.find((file) => file.startsWith('/talk/main-')) ?? '');
      const later = [...main.text.matchAll(/import\("\.(\/[^"]+)"\)/g)].map(([, file]) => `/talk${file ?? ''}`);
      expect(later.length).toBe(1);
      for (const file of [...files, ...later]) {
        expect(`${file} ${(await rest.request('GET', file)).status}`).toBe(`${file} 200`);
      }
      const alice = await rest.login('alice');
      expect(alice.user.username).toBe('alice');
      expect(await server.stop(20_000)).toBe(0);
      expect(server.survivors()).toEqual([]);
      await expect(checkHealth(port)).rejects.toThrow('Command failed');
    } finally {
      if (server.running) await server.kill();
    }
  });

  it('has no development dependency in it', () => {
    const installed = ['fastify', 'vitest', 'esbuild'].map((name) => existsSync(join(image, 'node_modules', name)));
    expect(installed).toEqual([true, false, false]);
  });
});

/** What these instructions copy from the repository, below `folder`. */
async function copy(folder: string, instructions: readonly Instruction[]): Promise<void> {
  for (const { path, to } of copiedPaths(instructions)) {
    const target = to === './' ? join(folder, path) : join(folder, to);
    await cp(join(repository, path), target, { recursive: true, filter: (source) => !source.endsWith('.test.ts') });
  }
}

/** Runs the npm commands of these instructions. */
async function runIn(folder: string, instructions: readonly Instruction[]): Promise<void> {
  for (const { name, rest } of instructions) {
    if (name !== 'RUN' || !rest.startsWith('npm ')) continue;
    const [npm = '', ...args] = rest.split(' ');
    await run(npm, args, { cwd: folder, timeout: INSTALL_LIMIT_MS });
  }
}

/** The command of the Dockerfile's HEALTHCHECK; rejects when it ends with another status than 0. */
async function checkHealth(port: number): Promise<unknown> {
  const check = (await readDockerfile()).find(({ name }) => name === 'HEALTHCHECK')?.rest ?? '';
  const [, ...args] = z.array(z.string()).parse(JSON.parse(check.slice(check.indexOf('['))));
  return run(process.execPath, args, { env: { PORT: String(port) } });
}
