import { createHash } from 'node:crypto';
import { SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { Webhook, WebhookRefused } from './webhook.ts';

const key = { apiKey: 'key', apiSecret: { reveal: () => 'a secret that only LiveKit and this server have' } };
const NOW_MS = 1_800_000_000_000;
const joined = {
  event: 'participant_joined',
  room: { name: 'neda.g', turnPassword: 'hush' },
  participant: { identity: 'u_1.2', permission: { canPublish: true } },
};

function setUp() {
  const scene = { nowMs: NOW_MS };
  return { scene, webhook: new Webhook(key, () => scene.nowMs) };
}

function bodyOf(event: object, id = 'EV_1', createdAtMs = NOW_MS): Buffer {
  return Buffer.from(JSON.stringify({ ...event, id, createdAt: String(Math.floor(createdAtMs / 1_000)) }));
}

interface Signing {
  readonly secret?: string;
  readonly issuer?: string;
  readonly over?: Uint8Array;
  readonly expires?: string | null;
  readonly algorithm?: string;
}

async function sign(body: Uint8Array, signing: Signing = {}): Promise<string> {
  const {
    secret = key.apiSecret.reveal(),
    issuer = key.apiKey,
    over = body,
    expires = '5m',
    algorithm = 'HS256',
  } = signing;
  const jwt = new SignJWT({ sha256: createHash('sha256').update(over).digest('base64') })
    .setProtectedHeader({ alg: algorithm })
    .setIssuer(issuer);
  if (expires !== null) jwt.setExpirationTime(expires);
  return jwt.sign(new TextEncoder().encode(secret));
}

async function faultOf(receiving: Promise<unknown>): Promise<unknown> {
  const error = await receiving.catch((thrown: unknown) => thrown);
  return error instanceof WebhookRefused ? error.fault : error;
}

describe('what the media server posts', () => {
  test('tells who joins, and whether he may publish', async () => {
    const { webhook } = setUp();
    const body = bodyOf(joined);
    const told = await webhook.receive(body, await sign(body));
    expect(told).toEqual({ kind: 'joined', room: 'neda.g', identity: 'u_1.2', mayPublish: true });
    const { permission: _permission, ...participant } = joined.participant;
    const bare = bodyOf({ ...joined, participant }, 'EV_2');
    // What is not said counts as allowed.
    expect(await webhook.receive(bare, await sign(bare))).toMatchObject({ mayPublish: true });
    const listener = bodyOf({ ...joined, participant: { ...participant, permission: { canSubscribe: true } } }, 'EV_3');
    expect(await webhook.receive(listener, await sign(listener))).toMatchObject({ mayPublish: false });
  });

  test('tells who publishes; other events are nothing to act on', async () => {
    const { webhook } = setUp();
    const published = bodyOf({ ...joined, event: 'track_published', track: { sid: 'TR_1' } });
    expect(await webhook.receive(published, await sign(published))).toEqual({
      kind: 'published',
      room: 'neda.g',
      identity: 'u_1.2',
    });
    for (const event of ['participant_left', 'room_finished', 'something_new']) {
      const body = bodyOf({ ...joined, event }, event);
      expect(await webhook.receive(body, await sign(body))).toEqual({ kind: 'other' });
    }
  });

  test('counts once by its id', async () => {
    const { webhook } = setUp();
    const body = bodyOf(joined);
    const header = await sign(body);
    await webhook.receive(body, header);
    expect(await webhook.receive(body, header)).toEqual({ kind: 'repeated' });
    const other = bodyOf(joined, 'EV_2');
    expect(await webhook.receive(other, await sign(other))).toMatchObject({ kind: 'joined' });
    const nameless = bodyOf(joined, '');
    expect(await webhook.receive(nameless, await sign(nameless))).toEqual({ kind: 'repeated' });
  });

  test.each([
    ['long ago', 121_000, 'stale'],
    ['a while ago', 119_000, 'joined'],
    ['a while ahead', -119_000, 'joined'],
    ['far ahead', -121_000, 'stale'],
  ])('when it was sent %s', async (_when, ageMs, kind) => {
    const { webhook } = setUp();
    const body = bodyOf(joined, 'EV_1', NOW_MS - ageMs);
    expect(await webhook.receive(body, await sign(body))).toMatchObject({ kind });
  });

  const forged: readonly [string, Signing][] = [
    ['another secret', { secret: 'a secret that somebody else has made up' }],
    ['another key', { issuer: 'other' }],
    ['another body', { over: bodyOf({ ...joined, event: 'room_finished' }) }],
    ['no end', { expires: null }],
    ['an end that has passed', { expires: '-1m' }],
    ['another algorithm', { algorithm: 'HS512' }],
  ];
  test.each(forged)('is refused with a signature of %s', async (_what, signing) => {
    const { webhook } = setUp();
    const body = bodyOf(joined);
    expect(await faultOf(webhook.receive(body, await sign(body, signing)))).toBe('signature');
    // A refused one has not used up the id.
    expect(await webhook.receive(body, await sign(body))).toMatchObject({ kind: 'joined' });
  });

  test.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['a word', 'Bearer'],
    ['a token without a signature', 'eyJhbGciOiJub25lIn0.eyJpc3MiOiJrZXkiLCJleHAiOjQwMDAwMDAwMDB9.'],
  ])('is refused with %s, before and after the body', async (_what, header) => {
    const { webhook } = setUp();
    expect(await webhook.isSigned(header)).toBe(false);
    await expect(webhook.receive(bodyOf(joined), header)).rejects.toThrow(WebhookRefused);
  });

  test('is refused when one byte of the body is another', async () => {
    const { webhook } = setUp();
    const body = bodyOf(joined);
    const header = await sign(body);
    expect(await webhook.isSigned(header)).toBe(true);
    expect(await faultOf(webhook.receive(Buffer.concat([body, Buffer.from(' ')]), header))).toBe('signature');
  });

  test.each([
    ['json', ['', 'xx', '{"room":', Buffer.from([0xff, 0xfe])]],
    ['shape', ['[]', '""', 'null', '5', '{"room":5}']],
  ])('signed, but of no good %s, is refused as that, and only as that', async (fault, bodies) => {
    const { webhook } = setUp();
    for (const body of bodies.map((given) => Buffer.from(given))) {
      expect(await faultOf(webhook.receive(body, await sign(body)))).toBe(fault);
      expect(await faultOf(webhook.receive(body, await sign(body, { issuer: 'other' })))).toBe('signature');
    }
  });

  test('never says in a refusal what stood in the body', async () => {
    const { webhook } = setUp();
    const bad = Buffer.from('{"room":{"turnPassword":"hush"}');
    const refusal = await webhook.receive(bad, await sign(bad)).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(WebhookRefused);
    expect(String(refusal)).not.toContain('hush');
    expect(refusal).not.toHaveProperty('cause');
  });
});
