import { request as httpRequest } from 'node:http';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { migrate } from '../../src/infra/migrate.ts';
import { freePort } from '../_support/ports.ts';
import { startPostgres, type TestPostgres } from '../_support/postgres.ts';
import type { RestAnswer } from '../_support/rest.ts';
import { AdminClient } from './admin-client.ts';
import { startInProcess, type InProcessServer } from './in-process.ts';

const path = '/api/v1/media/gate';
const secret = 'the secret of a media server that nobody asks here';
const given = z.object({ token: z.string(), room: z.string(), identity: z.string() });

let postgres: TestPostgres;
let server: InProcessServer;
let admin: AdminClient;

beforeAll(async () => {
  postgres = await startPostgres();
  await migrate(postgres.url);
  server = await startInProcess({
    databaseUrl: postgres.url,
    environment: {
      RATE_LIMITS: 'on',
      LIVEKIT_HOST: `http://127.0.0.1:${await freePort()}`,
      LIVEKIT_PUBLIC_URL: 'wss://voice.example.org',
      LIVEKIT_API_KEY: 'key',
      LIVEKIT_API_SECRET: secret,
    },
  });
  admin = new AdminClient(server.rest, (await server.rest.login('admin')).accessToken);
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await postgres[Symbol.asyncDispose]();
});

/** A group with its manager and a member, who is signed in and has a media token. */
async function newMember() {
  const [manager, user] = [await admin.makeUser(), await admin.makeUser()];
  const group = await admin.makeGroup(manager.id);
  const place = `/admin/groups/${group.id}/members/${user.id}`;
  expect((await admin.send('PUT', place, {})).status).toBe(200);
  const { accessToken, session } = await server.rest.login(user.username);
  const media = given.parse(
    await server.rest.expect(200, 'POST', `/api/v1/groups/${group.id}/media-token`, { token: accessToken }),
  );
  return { user, group, place, accessToken, session, ...media };
}

/** What the reverse proxy asks when somebody wants to join with this token. */
function ask(token: string): Promise<RestAnswer> {
  return server.rest.request('GET', path, {
    headers: { 'x-forwarded-method': 'GET', 'x-forwarded-uri': `/rtc?protocol=16&access_token=${token}` },
  });
}

function refused(answer: RestAnswer): void {
  expect(answer.status).toBe(403);
  expect(answer.headers.get('content-type')).toMatch('application/problem+json');
  expect(answer.body).toMatchObject({ status: 403, code: 'forbidden' });
}

describe('the gate in front of the media server', () => {
  it('lets a member through, with his token in the query or in the header, but not in both', async () => {
    const { token } = await newMember();
    const authorization = `Bearer ${token}`;
    const uri = '/rtc/v1?join_request=CAESAhgB';
    const inHeader = { authorization, 'x-forwarded-uri': uri };
    expect(await ask(token)).toMatchObject({ status: 204, text: '' });
    expect(await server.rest.request('GET', path, { headers: inHeader })).toMatchObject({ status: 204 });
    const inBoth = { authorization, 'x-forwarded-uri': `${uri}&access_token=${token}` };
    refused(await server.rest.request('GET', path, { headers: inBoth }));
  });

  it('answers a question that carries the headers of an upgrade, as that of a proxy may', async () => {
    const { token } = await newMember();
    const headers = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      'x-forwarded-uri': `/rtc?access_token=${token}`,
    };
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const asking = httpRequest(new URL(path, server.rest.origin), { headers });
      asking.on('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      });
      asking.on('upgrade', () => resolve(101));
      asking.on('error', reject);
      asking.end();
    });
    expect(status).toBe(204);
  });

  it('refuses who asks for nothing, a second identity, or with a token of another kind', async () => {
    const { token, accessToken } = await newMember();
    refused(await server.rest.request('GET', path));
    refused(await server.rest.request('GET', path, { token: accessToken }));
    refused(await ask(`${token}&publish=x`));
    refused(await ask(accessToken));
  });

  it.each(['x=1', 'access_token=x', 'token=x&token=x', 'limit=%ff&__proto__=1', '?&=%'])(
    'does not look at its own query, which a proxy may pass on: %s',
    async (query) => {
      const { token } = await newMember();
      const headers = { 'x-forwarded-uri': `/rtc?access_token=${token}` };
      const asked = `${path}?${query}`;
      expect(await server.rest.request('GET', asked, { headers })).toMatchObject({ status: 204, text: '' });
      refused(await server.rest.request('GET', asked));
      refused(await server.rest.request('GET', `${asked}&access_token=${token}`));
    },
  );

  it('refuses who was removed, and lets him through when he is a member again', async () => {
    const { token, place } = await newMember();
    expect((await ask(token)).status).toBe(204);
    await admin.send('DELETE', place);
    refused(await ask(token));
    await admin.send('PUT', place, {});
    expect((await ask(token)).status).toBe(204);
  });

  it('refuses him when his session has ended, he is disabled, or the group is deleted', async () => {
    const ended = await newMember();
    await server.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: ended.accessToken });
    refused(await ask(ended.token));
    const disabled = await newMember();
    await admin.send('PATCH', `/admin/users/${disabled.user.id}`, { disabled: true });
    refused(await ask(disabled.token));
    const grouped = await newMember();
    await admin.send('DELETE', `/admin/groups/${grouped.group.id}`);
    refused(await ask(grouped.token));
  });

  it("refuses a user with another's session, who afterwards is no less himself", async () => {
    const [one, other] = [await newMember(), await newMember()];
    const token = await new SignJWT({
      video: { room: one.room, roomJoin: true, canSubscribe: true, canPublish: false, canPublishData: false },
    })
      .setProtectedHeader({ alg: 'HS256' })
      .setIssuer('key')
      .setSubject(`u_${one.user.id}.${other.session.id}`)
      .setExpirationTime('1m')
      .sign(new TextEncoder().encode(secret));
    refused(await ask(token));
    const known = await server.container.auth.authenticate(other.accessToken);
    expect(known).toMatchObject({ ok: true, user: { id: other.user.id } });
  });

  it('counts no address: the joins of many devices behind one leave it all other requests', async () => {
    const { accessToken } = await newMember();
    for (let sent = 0; sent < 1_300; sent += 50) {
      await Promise.all(Array.from({ length: 50 }, () => server.rest.request('GET', path)));
    }
    expect((await server.rest.request('GET', '/api/v1/auth/me', { token: accessToken })).status).toBe(200);
  });

  it('refuses a session that joins in a loop', async () => {
    const { token } = await newMember();
    const answers = await Promise.all(Array.from({ length: 130 }, () => ask(token)));
    const statuses = new Set(answers.map(({ status }) => status));
    expect(statuses).toEqual(new Set([204, 429]));
  });

  it('goes by what it knows while PostgreSQL is away, and refuses whom it does not know', async () => {
    const [known, unknown] = [await newMember(), await newMember()];
    expect((await ask(known.token)).status).toBe(204);
    await postgres.kill();
    expect((await ask(known.token)).status).toBe(204);
    refused(await ask(unknown.token));
  });

  it('tells its log of no token', () => {
    const log = server.log();
    expect(log).toContain('"refusal":"no_right"');
    expect(log).toContain(`"route":"${path}"`);
    expect(log).not.toMatch(/eyJ[\w-]{10}|access_token|\/rtc/);
  });
});
