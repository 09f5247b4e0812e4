import { afterAll, beforeAll, expect, it } from 'vitest';
import { startInProcess, type InProcessServer } from './in-process.ts';
import { migrate } from '../../src/infra/migrate.ts';
import { startPostgres, type TestPostgres } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';

const minutes = (count: number): number => count * 60_000;
/** An access token's life, when nothing else is said. */
const tokenMs = minutes(10);
/** So that a jump of the clock is no silence. */
const patient = { idlePingMs: minutes(4) };

let postgres: TestPostgres;
let server: InProcessServer;
/** How far the server's clocks go ahead: times on the wall, and spans. */
const ahead = { wallMs: 0, spansMs: 0 };

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
  const clock = { nowMs: () => Date.now() + ahead.wallMs, monotonicMs: () => performance.now() + ahead.spansMs };
  server = await startInProcess({ databaseUrl: postgres.url, overrides: { clock } });
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

async function sayHello(token: string, how: 'in HELLO' | 'on the upgrade' = 'in HELLO') {
  const client = await WsClient.connect(server.rest.origin, how === 'on the upgrade' ? { token } : {});
  return { client, id: client.send('HELLO', { ...patient, ...(how === 'in HELLO' ? { token } : {}) }) };
}

async function expectReady(token: string, how?: 'on the upgrade'): Promise<WsClient> {
  const { client, id } = await sayHello(token, how);
  expect(await client.answerTo(id)).toMatchObject({ type: 'READY' });
  return client;
}

async function expectUnavailable(token: string): Promise<void> {
  const { client, id } = await sayHello(token);
  expect(await client.answerTo(id)).toMatchObject({ type: 'ERROR', code: 'unavailable' });
  expect(client.isOpen).toBe(true);
  await client.close();
}

async function expectExpired(token: string): Promise<void> {
  const { client } = await sayHello(token);
  expect(await client.closed()).toEqual({ code: 4001, reason: 'token_expired' });
  await expect(sayHello(token, 'on the upgrade')).rejects.toMatchObject({ status: 401 });
}

async function untilDatabaseIs(state: 'away' | 'back'): Promise<void> {
  const { outbox } = server.container;
  await until(() => (outbox.readableSinceMs() === null) === (state === 'away'), {
    limitMs: 30_000,
    describe: () => `PostgreSQL is not ${state}`,
  });
}

it('open sockets while none can be had, for sessions that are known, and a minute longer', async () => {
  const { rest } = server;
  const [known, unknown, ended] = [await rest.login('alice'), await rest.login('alice'), await rest.login('alice')];
  await expectReady(known.accessToken);
  const over = await expectReady(ended.accessToken);
  await rest.expect(204, 'POST', '/api/v1/auth/logout', { token: ended.accessToken });
  expect(await over.closed()).toMatchObject({ code: 4503 });
  ahead.wallMs = tokenMs + minutes(1);
  await expectExpired(known.accessToken);

  await postgres.kill();
  try {
    await untilDatabaseIs('away');
    await expectReady(known.accessToken);
    await expectReady(known.accessToken, 'on the upgrade');
    await expectUnavailable(unknown.accessToken);
    await expectUnavailable(ended.accessToken);
    await rest.expectProblem(401, 'GET', '/api/v1/auth/me', { token: known.accessToken });
    const { client } = await sayHello(known.refreshToken);
    expect(await client.closed()).toMatchObject({ code: 4500 });
    ahead.wallMs = tokenMs + minutes(31);
    await expectUnavailable(known.accessToken);
    ahead.wallMs = tokenMs + minutes(29);
    await expectReady(known.accessToken);
  } finally {
    await postgres.start();
  }

  await untilDatabaseIs('back');
  const last = await expectReady(known.accessToken);
  ahead.spansMs = minutes(1);
  expect(await last.closed(20_000)).toEqual({ code: 4001, reason: 'token_expired' });
  await expectExpired(known.accessToken);
}, 120_000);
