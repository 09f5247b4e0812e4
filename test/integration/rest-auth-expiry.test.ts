import { expect, it } from 'vitest';
import { BUSY_MS } from '../_support/busy.ts';
import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';
import * as wire from '../_support/wire.ts';
import { WsClient } from '../_support/ws-client.ts';

const accessMs = 3_000;
const refreshMs = 9_000;

it('access and refresh tokens end when they say, and a refresh prolongs the session', async () => {
  await using database = await createDatabase();
  const env = { ACCESS_TOKEN_TTL_MS: String(accessMs), REFRESH_TOKEN_TTL_MS: String(refreshMs) };
  await using neda = await startNeda({ databaseUrl: database.url, env });
  const { rest } = neda;
  const askMe = (token: string) => rest.request('GET', '/api/v1/auth/me', { token });
  const lapsed = (token: string) =>
    until(async () => (await askMe(token)).status === 401, {
      limitMs: accessMs + BUSY_MS,
      describe: () => 'the token ends',
    });
  const refresh = (refreshToken: string) => rest.request('POST', '/api/v1/auth/refresh', { body: { refreshToken } });

  const forgotten = await rest.login('bob');
  const first = await rest.login('alice');
  expect(first.expiresInMs).toBe(accessMs);
  const client = await WsClient.signIn(neda.origin, first.accessToken);
  await lapsed(first.accessToken);
  expect((await askMe(first.accessToken)).body).toMatchObject({ status: 401, code: 'token_expired' });
  expect(await client.closed(2_000 + BUSY_MS)).toEqual({ code: 4001, reason: 'token_expired' });

  let current = first;
  // Alice refreshes whenever her token ends, until the token that Bob kept has ended: longer than one of hers lives.
  const startedAtMs = performance.now();
  while (performance.now() - startedAtMs < refreshMs) {
    const answer = await refresh(current.refreshToken);
    expect(answer.status).toBe(200);
    current = wire.tokens.parse(answer.body);
    await lapsed(current.accessToken);
  }
  const answer = await refresh(forgotten.refreshToken);
  expect(answer.body).toMatchObject({ status: 401, code: 'token_expired' });
  current = wire.tokens.parse((await refresh(current.refreshToken)).body);
  const listed = await rest.expect(200, 'GET', '/api/v1/auth/sessions', { token: current.accessToken });
  expect(listed).toMatchObject({ items: [{ id: first.session.id, current: true }] });
}, 120_000);
