import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { text } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { v7 as uuidV7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { until } from '../_support/until.ts';
import { type InProcessServer, startInProcess } from './in-process.ts';

const PATH = '/api/v1/media/webhook';
const API_KEY = 'key';
const API_SECRET = 'a secret that this server shares with LiveKit';
/** It is a matter of milliseconds (media.md: ≤ 1 s), unless the machine is busy. */
const ACTED_MS = 15_000;
/** A megabyte with room for the rest of an event. */
const TOO_MUCH = 1_024 * 1_024 + 1;

/** Stands where LiveKit is, has nobody in any room, and remembers what it was asked to do. */
class RecordingLivekit {
  readonly #server: Server;
  readonly #calls: { readonly method: string; readonly body: string }[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<RecordingLivekit> {
    const server = createServer((request, response) => {
      text(request)
        .then((body) => {
          const method = request.url?.split('/').at(-1) ?? '';
          livekit.#calls.push({ method, body });
          const isAsked = method === '' || method === 'ListRooms' || method === 'ListParticipants';
          response.writeHead(isAsked ? 200 : 404, { 'content-type': 'application/json' }).end('{}');
        })
        .catch(() => response.destroy());
    });
    const livekit = new RecordingLivekit(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return livekit;
  }

  get origin(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('it has no port');
    return `http://127.0.0.1:${address.port}`;
  }

  /** What it was asked to do to this identity, in order. */
  doneTo(identity: string): string[] {
    return this.#calls.filter(({ body }) => body.includes(`"${identity}"`)).map(({ method }) => method);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

let livekit: RecordingLivekit;
let server: InProcessServer;
let groupId: string;
let bob: string;
let events = 0;

beforeAll(async () => {
  livekit = await RecordingLivekit.start();
  server = await startInProcess({
    environment: {
      KEY_PREFIX: 'a-',
      LIVEKIT_HOST: livekit.origin,
      LIVEKIT_PUBLIC_URL: livekit.origin.replace('http', 'ws'),
      LIVEKIT_API_KEY: API_KEY,
      LIVEKIT_API_SECRET: API_SECRET,
    },
  });
  const { accessToken } = await server.rest.login('bob');
  ({ id: groupId } = await server.rest.groupNamed(accessToken, 'Team'));
});

beforeEach(async () => {
  const { user, session } = await server.rest.login('bob');
  bob = `u_${user.id}.${session.id}`;
});

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await livekit.close();
});

interface Event {
  readonly identity?: string;
  readonly room?: string;
  readonly canPublish?: boolean;
  readonly id?: string;
  readonly createdAtMs?: number;
  readonly padding?: string;
}

function joined(event: Event = {}): string {
  const { identity = bob, room = `a-neda.${groupId}`, canPublish = true, createdAtMs = Date.now() } = event;
  events += 1;
  return JSON.stringify({
    event: 'participant_joined',
    id: event.id ?? `EV_${events}`,
    createdAt: String(Math.floor(createdAtMs / 1_000)),
    room: { name: room, turnPassword: 'never in a log', metadata: event.padding ?? '' },
    participant: { identity, permission: { canSubscribe: true, canPublish } },
  });
}

async function signed(body: string, secret = API_SECRET): Promise<string> {
  return new SignJWT({ sha256: createHash('sha256').update(body).digest('base64') })
    .setProtectedHeader({ alg: 'HS256' })
    .setIssuer(API_KEY)
    .setExpirationTime('5m')
    .sign(new TextEncoder().encode(secret));
}

/** Posts as LiveKit does; what is given takes the place of what it would send. */
async function post(
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; code: unknown }> {
  const { status, said } = await postAndRead(body, headers);
  return { status, code: said['code'] ?? null };
}

async function postAndRead(body: string, headers: Readonly<Record<string, string>>) {
  const all = { 'content-type': 'application/webhook+json', authorization: await signed(body), ...headers };
  const { port } = new URL(server.rest.origin);
  const answer = await fetch(`http://127.0.0.1:${port}${PATH}`, { method: 'POST', headers: all, body });
  return { status: answer.status, said: z.record(z.string(), z.unknown()).parse(await answer.json()) };
}

async function untilDone(identity: string, calls: readonly string[]): Promise<void> {
  await until(() => calls.every((call) => livekit.doneTo(identity).includes(call)), {
    limitMs: ACTED_MS,
    describe: () => `${calls.join(' and ')} for ${identity}; so far ${livekit.doneTo(identity).join(', ')}`,
  });
}

/** Nothing was done about this identity, though something that came later was. */
async function expectNothingDoneTo(identity: string): Promise<void> {
  const later = `later-${events}`;
  expect(await post(joined({ identity: later }))).toMatchObject({ status: 200 });
  await untilDone(later, ['RemoveParticipant']);
  expect(livekit.doneTo(identity)).toEqual([]);
}

describe('an event that LiveKit posts', () => {
  it('about a member who joins with the right to publish takes it from him', async () => {
    expect(await post(joined())).toMatchObject({ status: 200 });
    await untilDone(bob, ['UpdateParticipant']);
    expect(livekit.doneTo(bob)).toEqual(['UpdateParticipant']);
  });

  it('about one who joins as a listener does nothing to him', async () => {
    expect(await post(joined({ canPublish: false }))).toMatchObject({ status: 200 });
    await expectNothingDoneTo(bob);
  });

  it('about an identity that nobody was given puts it out', async () => {
    const second = `${bob}#x`;
    expect(await post(joined({ identity: second, canPublish: false }))).toMatchObject({ status: 200 });
    await untilDone(second, ['UpdateParticipant', 'RemoveParticipant']);
  });

  it('about one who is no member, or whose session has ended or is not his, puts him out', async () => {
    const [admin, carol] = [await server.rest.login('admin'), await server.rest.login('carol')];
    const identities = {
      stranger: `u_${admin.user.id}.${admin.session.id}`,
      notHis: `u_${carol.user.id}.${admin.session.id}`,
      unknown: `u_${uuidV7()}.${uuidV7()}`,
      ended: `u_${carol.user.id}.${carol.session.id}`,
    };
    await server.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: carol.accessToken });
    for (const identity of Object.values(identities)) {
      expect(await post(joined({ identity, canPublish: false }))).toMatchObject({ status: 200 });
      await untilDone(identity, ['RemoveParticipant']);
    }
  });

  it('about the room of another deployment is taken, and nothing is done', async () => {
    for (const room of [`neda.${groupId}`, `b-neda.${groupId}`, `a-neda.neda.${groupId}`, 'a-neda.', '']) {
      expect(await post(joined({ room }))).toMatchObject({ status: 200 });
    }
    await expectNothingDoneTo(bob);
  });
});

describe('an event that counts for nothing', () => {
  it('is one that was replayed, and is answered 200', async () => {
    const id = 'EV_replayed';
    const body = joined({ id });
    await post(body);
    await untilDone(bob, ['UpdateParticipant']);
    expect(await post(body)).toMatchObject({ status: 200 });
    // The same id in another event, too.
    expect(await post(joined({ id }))).toMatchObject({ status: 200 });
    await post(joined({ identity: 'later' }));
    await untilDone('later', ['RemoveParticipant']);
    expect(livekit.doneTo(bob)).toEqual(['UpdateParticipant']);
  });

  it('is one of long ago', async () => {
    expect(await post(joined({ createdAtMs: Date.now() - 180_000 }))).toMatchObject({ status: 200 });
    await expectNothingDoneTo(bob);
  });
});

describe('what LiveKit has not posted', () => {
  it('is refused, and does nothing', async () => {
    const body = joined();
    const forgeries: Readonly<Record<string, string>>[] = [
      { authorization: '' },
      { authorization: 'nonsense' },
      { authorization: await signed(body, 'a secret that somebody has made up') },
      { authorization: await signed(joined()) },
      { authorization: `Bearer ${(await server.rest.login('admin')).accessToken}` },
    ];
    for (const headers of forgeries) expect(await post(body, headers)).toEqual({ status: 401, code: 'token_invalid' });
    expect(await post('', { authorization: await signed('x') })).toEqual({ status: 401, code: 'token_invalid' });
    await expectNothingDoneTo(bob);
    // And has not used up the event.
    expect(await post(body)).toMatchObject({ status: 200 });
    await untilDone(bob, ['UpdateParticipant']);
  });

  it('is refused for its signature before its size or type is looked at', async () => {
    const authorization = 'nonsense';
    expect(await post('x'.repeat(TOO_MUCH), { authorization })).toMatchObject({ status: 401 });
    expect(await post('x', { authorization, 'content-type': 'text/plain' })).toMatchObject({ status: 401 });
  });
});

describe('the body of an event', () => {
  it('may be a megabyte and no more', async () => {
    const padding = 'x'.repeat(TOO_MUCH - joined().length - 200);
    expect(await post(joined({ padding }))).toMatchObject({ status: 200 });
    await untilDone(bob, ['UpdateParticipant']);
    expect(await postAndRead('x'.repeat(TOO_MUCH), {})).toMatchObject({
      status: 413,
      said: { code: 'body_too_large', detail: 'The body may have at most 1048576 bytes.' },
    });
  });

  it.each([
    ['', 'invalid_json'],
    ['xx', 'invalid_json'],
    ['[]', 'validation_failed'],
    ['""', 'validation_failed'],
    ['null', 'validation_failed'],
    ['{"room":5}', 'validation_failed'],
  ])('%j is told what is wrong with it when it is signed, and nothing when it is not', async (body, code) => {
    expect(await post(body)).toEqual({ status: 400, code });
    const unsigned = [{ authorization: 'nonsense' }, { authorization: await signed(`${body} `) }];
    for (const headers of unsigned) expect(await post(body, headers)).toEqual({ status: 401, code: 'token_invalid' });
  });

  it('is of one type', async () => {
    expect(await postAndRead(joined(), { 'content-type': 'application/json' })).toMatchObject({
      said: { detail: 'Send the body as application/webhook+json.' },
    });
    for (const type of ['application/json', 'text/plain', 'application/webhook+json; charset=latin1']) {
      const body = joined();
      expect(await post(body, { 'content-type': type })).toEqual({ status: 415, code: 'unsupported_media_type' });
    }
  });
});

it('never stands in the log, and is counted', async () => {
  await post(joined());
  await post('{"room":', {});
  expect(server.log()).not.toContain('never in a log');
  const metrics = await (await fetch(`${server.rest.origin}/metrics`)).text();
  for (const outcome of ['taken', 'repeated', 'stale', 'refused']) {
    expect(metrics).toMatch(new RegExp(`neda_media_webhooks_total\\{outcome="${outcome}"\\} [1-9]`));
  }
  expect(metrics).toMatch(/neda_media_findings_total\{kind="unknown_identity"\} [1-9]/);
});
