import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { migrate } from '../../src/infra/migrate.ts';
import { BUSY_MS } from '../_support/busy.ts';
import { startPostgres, type TestPostgres } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';

/** Whatever is asked of PostgreSQL has this deadline. */
const WAITED_MS = 4_000;

let postgres: TestPostgres;
let server: InProcessServer;
let token: string;

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
  server = await startInProcess({ databaseUrl: postgres.url });
  token = (await server.rest.login('admin')).accessToken;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

const login = { username: 'alice', password: 'push-to-talk', device: { name: 'w', kind: 'watch' } };
const requests = [
  ['GET', '/api/v1/auth/me', undefined],
  ['POST', '/api/v1/auth/login', login],
  ['POST', '/api/v1/auth/refresh', { refreshToken: '' }],
  ['GET', '/api/v1/groups', undefined],
  ['POST', '/api/v1/admin/users', { username: 'new-one', displayName: 'New' }],
] as const;

/** All of them together take less time than one that waits for PostgreSQL: at most 4 s, and some milliseconds each. */
async function expectRefusalsAtOnce(): Promise<void> {
  const { refreshToken } = tokens;
  const startedAtMs = performance.now();
  for (const [method, path, body] of requests) {
    const sent = path.endsWith('refresh') ? { refreshToken } : body;
    const options = { token, ...(sent === undefined ? {} : { body: sent }) };
    const answer = await server.rest.request(method, path, options);
    expect({ path, status: answer.status, body: answer.body }).toMatchObject({
      path,
      status: 503,
      body: { code: 'dependency_unavailable', dependency: 'postgres', detail: expect.stringContaining('postgres') },
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(answer.text).not.toMatch(/ECONN|query|select|127\.0\.0\.1/i);
  }
  expect(performance.now() - startedAtMs).toBeLessThan(WAITED_MS);
}

async function expectHealth(postgresStatus: 'ok' | 'down', status: string): Promise<void> {
  const health = await server.rest.request('GET', '/health');
  expect(health).toMatchObject({
    status: 200,
    body: { status, dependencies: { postgres: { status: postgresStatus } } },
  });
  expect((await server.rest.request('GET', '/livez')).status).toBe(200);
  expect((await server.rest.request('GET', '/readyz')).status).toBe(200);
}

async function untilBack(): Promise<void> {
  await until(async () => (await server.rest.request('GET', '/api/v1/auth/me', { token })).status === 200, {
    limitMs: 20_000,
    describe: () => 'the server does not find its database again',
  });
}

let tokens: { refreshToken: string };

it('that was killed: 503 at once, ready and degraded, and well again by itself', async () => {
  tokens = await server.rest.login('bob');
  await postgres.kill();
  await expectRefusalsAtOnce();
  await expectHealth('down', 'degraded');
  await postgres.start();
  await untilBack();
  await expectHealth('ok', 'ok');
});

it('that is frozen: 503 within the deadline, then at once, and well again by itself', async () => {
  tokens = await server.rest.login('bob');
  postgres.pause();
  try {
    const startedAtMs = performance.now();
    await server.rest.expectProblem(503, 'GET', '/api/v1/auth/me', { token });
    expect(performance.now() - startedAtMs).toBeLessThan(WAITED_MS + BUSY_MS);
    await expectRefusalsAtOnce();
    await expectHealth('down', 'degraded');
  } finally {
    postgres.resume();
  }
  await untilBack();
});

it('keeps known memberships for sockets', async () => {
  const { groups } = server.container;
  const [known, unknown] = [await server.rest.login('bob'), await server.rest.login('carol')];
  const before = await groups.membershipsOf(known.user.id);
  expect(before).toHaveLength(2);
  await postgres.kill();
  try {
    expect(await groups.membershipsOf(known.user.id)).toEqual(before);
    expect(await groups.membershipOf(known.user.id, before[0]?.group.id ?? '')).toEqual(before[0]);
    expect(await groups.membershipOf(known.user.id, known.user.id)).toBeNull();
    const away = { code: 'dependency_unavailable' };
    await expect(groups.membershipsOf(unknown.user.id)).rejects.toMatchObject(away);
    await expect(groups.membershipsOf(known.user.id, { isFresh: true })).rejects.toMatchObject(away);
  } finally {
    await postgres.start();
  }
  await untilBack();
});

it('keeps known sessions for sockets, and says of unknown ones that it cannot know', async () => {
  const known = await server.rest.login('bob');
  const unknown = await server.rest.login('bob');
  expect(await server.container.auth.authenticate(known.accessToken)).toMatchObject({ ok: true });
  await postgres.kill();
  try {
    expect(await server.container.auth.authenticate(known.accessToken)).toMatchObject({ ok: true });
    await expect(server.container.auth.authenticate(unknown.accessToken)).rejects.toMatchObject({
      code: 'dependency_unavailable',
    });
  } finally {
    await postgres.start();
  }
  await untilBack();
  expect(await server.container.auth.authenticate(unknown.accessToken)).toMatchObject({ ok: true });
});
