import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { dispose } from '@livekit/rtc-node';
import { SignJWT } from 'jose';
import { RoomServiceClient, TrackSource } from 'livekit-server-sdk';
import { v7 as uuidV7 } from 'uuid';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { type Pcm, readWav } from '../../clients/headless/audio/wav.ts';
import { bareEnvironment } from '../_support/child-server.ts';
import { caddyProgram, startCaddy, type TestCaddy } from '../_support/caddy.ts';
import { repository } from '../_support/deployment.ts';
import { startLivekit, type TestLivekit } from '../_support/livekit.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { freePort } from '../_support/ports.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { startRedis, type TestRedis } from '../_support/redis.ts';
import { Rest } from '../_support/rest.ts';
import { type SlowProxy, startSlowProxy } from '../_support/slow-proxy.ts';
import { until } from '../_support/until.ts';
import { HeadlessPeople, talkOn } from './headless-people.ts';
import { type Guest, joinRoom } from './room-client.ts';

/** The Caddyfile of a deployment, as it is, in front of a real LiveKit and a real server; on plain HTTP. */

const CADDYFILE = join(repository, 'Caddyfile');
const LIMIT_MS = 10_000;

let database: TestDatabase;
let redis: TestRedis;
let livekit: TestLivekit;
/** Between Caddy and LiveKit: knows what got through. */
let between: SlowProxy;
let neda: Neda;
let caddy: TestCaddy;
/** The server as clients reach it, through Caddy. */
let outside: Rest;
let adminToken: string;
let sentence: Pcm;
const people = new HeadlessPeople();
const guests: Guest[] = [];

beforeAll(async () => {
  sentence = readWav(await readFile(join(repository, 'clients/headless/speech/north-gate.wav')));
  const [port, sitePort, healthPort] = [await freePort(), await freePort(), await freePort()];
  const site = `127.0.0.1:${sitePort}`;
  [database, redis, livekit] = await Promise.all([
    createDatabase(),
    startRedis(),
    startLivekit({ webhookUrl: `http://127.0.0.1:${port}/api/v1/media/webhook` }),
  ]);
  between = await startSlowProxy(Number(new URL(livekit.host).port));
  neda = await startNeda({
    databaseUrl: database.url,
    redisUrl: redis.url,
    port,
    livekit: { ...livekit.env, LIVEKIT_PUBLIC_URL: `ws://${site}` },
    env: { RATE_LIMITS: 'on', TRUSTED_PROXIES: '127.0.0.1' },
  });
  outside = new Rest(`http://${site}`);
  caddy = await startCaddy({
    file: CADDYFILE,
    env: {
      SITE_ADDRESS: `http://:${sitePort}`,
      BACKEND: `127.0.0.1:${port}`,
      LIVEKIT: `127.0.0.1:${between.port}`,
      HEALTH_PORT: String(healthPort),
    },
    // What the health check of compose.production.yml asks.
    isReady: async () => (await fetch(`http://127.0.0.1:${healthPort}/`)).ok,
  });
  adminToken = (await outside.login('admin')).accessToken;
});

afterEach(async () => {
  await people.leave();
  await Promise.all(guests.splice(0).map((guest) => guest.leave()));
});

afterAll(async () => {
  await caddy[Symbol.asyncDispose]();
  await neda[Symbol.asyncDispose]();
  await between[Symbol.asyncDispose]();
  await Promise.all([database, redis, livekit].map((server) => server[Symbol.asyncDispose]()));
  await dispose();
});

const mediaSchema = z.object({ url: z.string(), token: z.string(), room: z.string(), identity: z.string() });
type Media = z.infer<typeof mediaSchema>;

/** A new group with a new member, who is signed in; and a stranger to it. */
async function newMember() {
  const name = `member-${uuidV7().slice(-12)}`;
  const member = await outside.createUser(adminToken, { username: name });
  const manager = await outside.createUser(adminToken, { username: `${name}-manager` });
  const group = await outside.createGroup(adminToken, { name, managerId: manager.id });
  await outside.putMember(adminToken, group.id, member.id);
  const tokens = await outside.login(name);
  const path = `/api/v1/groups/${group.id}/media-token`;
  const media = mediaSchema.parse(await outside.expect(200, 'POST', path, { token: tokens.accessToken }));
  return { member, manager, group, tokens, media };
}

/** A token as the server would sign it, but for `changes`. */
function sign(
  media: Media,
  changes: { readonly [claim: string]: unknown } = {},
  secret = livekit.apiSecret,
): Promise<string> {
  const rights = { canSubscribe: true, canPublish: false, canPublishData: false };
  const claims = { sub: media.identity, exp: Math.floor(Date.now() / 1_000) + 90, ...changes };
  return new SignJWT({ iss: livekit.apiKey, ...claims, video: { room: media.room, roomJoin: true, ...rights } })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(new TextEncoder().encode(secret));
}

/** Opens a WebSocket at a path of the site; the status of the answer, and its body when it is no upgrade. */
function upgrade(
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${outside.origin.replace('http', 'ws')}${path}`, {
      headers,
      handshakeTimeout: LIMIT_MS,
    });
    socket.on('open', () => {
      resolve({ status: 101, body: '' });
      socket.terminate();
    });
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }));
    });
    socket.on('error', reject);
  });
}

/** The first lines of all requests that got through to LiveKit. */
function requestsToLivekit(): readonly string[] {
  return between.sent().match(/^[A-Z]+ \S+ HTTP\/1\.1$/gm) ?? [];
}

/** Fails unless the gate answers this attempt, and nothing of it comes to LiveKit. */
async function expectRefused(path: string, headers: Readonly<Record<string, string>> = {}): Promise<void> {
  const before = requestsToLivekit();
  const { status, body } = await upgrade(path, headers);
  expect(`${status} ${body}`).toMatch(/^403 .*"code":"forbidden"/);
  expect(requestsToLivekit()).toEqual(before);
}

async function enterRoom(media: { readonly url: string; readonly token: string }): Promise<Guest> {
  const guest = await joinRoom({ kind: 'livekit', ...media });
  guests.push(guest);
  return guest;
}

/** Waits for a token that LiveKit itself hands out, other than `given`. */
function tokenFromLivekit({ room }: Guest, given: string): Promise<string> {
  return until(() => (room.token !== given && room.token) || undefined, {
    limitMs: LIMIT_MS,
    describe: () => 'LiveKit hands out a token',
  });
}

describe('the Caddyfile', () => {
  it('is valid with nothing set but the address of the site', async () => {
    const args = ['validate', '--config', CADDYFILE, '--adapter', 'caddyfile'];
    const env = { ...bareEnvironment(), SITE_ADDRESS: 'talk.example.org' };
    const { stdout, stderr } = await promisify(execFile)(caddyProgram, args, { env });
    expect(stdout + stderr).toContain('Valid configuration');
    expect(stdout + stderr).not.toMatch(/"level":"(?:warn|error)"/);
  });
});

describe('members behind Caddy', () => {
  it('join LiveKit, talk over /ws, and hear one another', async () => {
    const enter = async (username: string) => {
      const { origin } = outside;
      const person = await people.enter({ origin, username, sentence });
      expect(person.client.media).toMatchObject({ kind: 'livekit', url: origin.replace('http', 'ws') });
      return person;
    };
    const [alice, bob] = [await enter('alice'), await enter('bob')];
    await talkOn(alice, bob);
    await alice.client.release();
  });

  it('come back with the token that LiveKit handed out, also with one that may publish', async () => {
    const { media } = await newMember();
    const first = await enterRoom(media);
    const renewed = await tokenFromLivekit(first, media.token);
    await first.leave();
    const second = await enterRoom({ url: media.url, token: renewed });
    expect(second.room.localParticipant?.identity).toBe(media.identity);

    const before = second.room.token ?? '';
    const control = new RoomServiceClient(livekit.host, livekit.apiKey, livekit.apiSecret);
    const permission = { canPublish: true, canSubscribe: true, canPublishSources: [TrackSource.MICROPHONE] };
    await control.updateParticipant(media.room, media.identity, { permission });
    const speaking = await until(
      () => [second.room.token].find((token) => token !== before && token !== undefined && maySpeak(token)),
      { limitMs: LIMIT_MS, describe: () => 'LiveKit hands out a token that may publish' },
    );
    await second.leave();
    expect((await upgrade(`/rtc?protocol=16&access_token=${speaking}`)).status).toBe(101);
  });

  it('get the talk page', async () => {
    expect(await outside.request('GET', '/talk')).toMatchObject({
      status: 200,
      text: expect.stringContaining('<html'),
    });
  });

  it('are told why they were not let in', async () => {
    const { media } = await newMember();
    const token = await sign(media, { exp: 1 });
    expect((await outside.request('GET', `/rtc/validate?access_token=${media.token}`)).text).toBe('success');
    await outside.expectProblem(403, 'GET', `/rtc/validate?access_token=${token}`);
    await outside.expectProblem(403, 'GET', '/rtc/v1/validate', { headers: { authorization: `Bearer ${token}` } });
  });
});

describe('everybody else', () => {
  it('is refused before LiveKit hears of him', async () => {
    const { media } = await newMember();
    const { media: stranger } = await newMember();
    const path = `/rtc?protocol=16&access_token=${media.token}`;
    const authorization = `Bearer ${media.token}`;
    expect((await upgrade('/rtc?protocol=16', { authorization })).status).toBe(101);
    expect((await upgrade(path)).status).toBe(101);
    expect(requestsToLivekit()).toContain(`GET ${path} HTTP/1.1`);

    await expectRefused(path, { authorization });
    await expectRefused(`${path}&publish=x`);
    await expectRefused(`${path}&%70ublish=x`);
    await expectRefused('/rtc?protocol=16');
    await expectRefused('/rtc?protocol=16', { authorization: `Bearer ${await sign(media, {}, 'x'.repeat(40))}` });
    for (const token of [
      await sign(media, { exp: Math.floor(Date.now() / 1_000) - 30 }),
      await sign(media, { exp: undefined }),
      await sign({ ...media, identity: stranger.identity }),
      await sign({ ...media, identity: `${media.identity}#x` }),
      await sign({ ...media, room: `other.${media.room}` }),
    ]) {
      await expectRefused(`/rtc?protocol=16&access_token=${token}`);
    }
    const before = requestsToLivekit();
    for (const door of ['//rtc', '/%72tc', '/RTC', '/rtc/', '/rtc/v2']) {
      expect((await upgrade(`${door}?protocol=16&access_token=${media.token}`)).status).not.toBe(101);
    }
    expect(requestsToLivekit()).toEqual(before);
  });

  it('finds no other door of LiveKit, and none that is for inside', async () => {
    const before = requestsToLivekit();
    const { media, tokens } = await newMember();
    for (const [method, path] of [
      ['POST', '/twirp/livekit.RoomService/ListRooms'],
      ['POST', `/rtc/validate?access_token=${media.token}`],
      ['OPTIONS', '/rtc'],
      ['POST', '/whip/v1'],
      ['GET', '/agent'],
      ['GET', '/metrics'],
      ['GET', '/api/v1/media/gate'],
      ['POST', '/API/v1/media%2Fgate/../webhook'],
      ['POST', '/api/v1/media/webhook'],
    ] as const) {
      const { status } = await outside.request(method, path, { token: tokens.accessToken });
      expect(`${method} ${path} ${status}`).toMatch(/ 40[04]$/);
    }
    expect(requestsToLivekit()).toEqual(before);
  });

  it('and so is who was removed, with a token that still counts', async () => {
    const { media, member, group } = await newMember();
    await enterRoom(media);
    const path = `/api/v1/admin/groups/${group.id}/members/${member.id}`;
    await outside.expect(204, 'DELETE', path, { token: adminToken });
    await expectRefused(`/rtc?protocol=16&access_token=${media.token}`);
    await expect(joinRoom({ kind: 'livekit', ...media })).rejects.toThrow('403');
  });
});

describe('what Caddy tells', () => {
  it('the server: from which address a client came, whatever the client says of it', async () => {
    const pair = (localAddress: string) => pairFrom(localAddress, { 'x-forwarded-for': '192.0.2.1' });
    const statuses: number[] = [];
    while (!statuses.includes(429) && statuses.length < 30) statuses.push(await pair('127.0.0.2'));
    expect(statuses).toContain(401);
    expect(statuses).toContain(429);
    expect(await pair('127.0.0.3')).toBe(401);
  });

  it('its log: no token, also not when LiveKit is away', async () => {
    const { media } = await newMember();
    await between.refuse();
    expect((await upgrade(`/rtc?protocol=16&access_token=${media.token}`)).status).toBe(502);
    await caddy.process.untilOutput(/"uri":\s*"\/rtc\?"/, LIMIT_MS);
    expect(caddy.process.output).not.toMatch(/eyJ|access_token/);
    expect(neda.process.output).not.toMatch(/eyJ|access_token/);
  });
});

function maySpeak(token: string): boolean {
  const [, payload = ''] = token.split('.');
  const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  return JSON.stringify(claims).includes('"canPublish":true');
}

/** Tries a wrong pairing code from an address of this machine's own; the status of the answer. */
function pairFrom(localAddress: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const asking = httpRequest(new URL('/api/v1/auth/pair', outside.origin), {
      method: 'POST',
      localAddress,
      headers: { 'content-type': 'application/json', ...headers },
    });
    asking.on('response', (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asking.on('error', reject);
    asking.end(JSON.stringify({ code: 'BCDF-GHJK', device: { name: 'watch', kind: 'watch' } }));
  });
}
