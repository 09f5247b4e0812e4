import { SignJWT, UnsecuredJWT } from 'jose';
import { v7 as uuidV7 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { createMediaGate, type MediaGateOptions } from './gate.ts';
import { listenMedia, publishMedia } from './tokens.ts';

const apiSecret = { reveal: () => 'a secret of more than 32 bytes, for tests' };
const issuer = { publicUrl: 'wss://a.test', apiKey: 'key', apiSecret };
const [userId, sessionId, groupId] = [uuidV7(), uuidV7(), uuidV7()];
const identity = `u_${userId}.${sessionId}`;
const room = `neda.${groupId}`;
const nowSeconds = Math.floor(Date.now() / 1_000);

const known = async (): Promise<boolean> => true;

function gate(options: Partial<MediaGateOptions> = {}) {
  return createMediaGate({
    livekit: issuer,
    keyPrefix: '',
    access: { isLiving: known, isMember: known },
    rateLimits: true,
    nowMs: Date.now,
    ...options,
  });
}

function asking(token: string) {
  return { uris: [`/rtc?access_token=${token}`], methods: ['GET'], authorizations: [] };
}

async function tokenOf(media: Promise<{ readonly kind: string; readonly token?: string }>): Promise<string> {
  return (await media).token ?? '';
}

/** A token that is good but for `changes`; `undefined` leaves a claim out. */
function sign(
  changes: { readonly video?: object; readonly [claim: string]: unknown },
  how: { readonly algorithm?: string; readonly secret?: string } = {},
): Promise<string> {
  const video = {
    room,
    roomJoin: true,
    canSubscribe: true,
    canPublish: false,
    canPublishData: false,
    ...changes.video,
  };
  const payload = { iss: 'key', sub: identity, nbf: nowSeconds, exp: nowSeconds + 90, ...changes, video };
  const given = Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));
  return new SignJWT(given)
    .setProtectedHeader({ alg: how.algorithm ?? 'HS256' })
    .sign(new TextEncoder().encode(how.secret ?? apiSecret.reveal()));
}

describe('the gate in front of the media server', () => {
  it('lets a member through who listens, and one who may speak', async () => {
    expect(await gate().refusalOf(asking(await tokenOf(listenMedia(issuer, room, identity))))).toBeNull();
    expect(await gate().refusalOf(asking(await tokenOf(publishMedia(issuer, room, identity))))).toBeNull();
    expect(await gate().refusalOf(asking(await sign({})))).toBeNull();
  });

  it('asks for the session and the member that the token names', async () => {
    const asked: unknown[] = [];
    const access = {
      isLiving: async (...ids: unknown[]) => asked.push(ids) > 0,
      isMember: async (...ids: unknown[]) => asked.push(ids) > 0,
    };
    expect(await gate({ access }).refusalOf(asking(await sign({})))).toBeNull();
    expect(asked).toEqual([
      [userId, sessionId],
      [userId, groupId],
    ]);
  });

  it.each([
    ['the session has ended', { isLiving: async () => false, isMember: known }],
    ['he is no member', { isLiving: known, isMember: async () => false }],
    ['neither can be known', { isLiving: known, isMember: () => Promise.reject(new Error('away')) }],
  ])('refuses him when %s', async (_name, access) => {
    expect(await gate({ access }).refusalOf(asking(await sign({})))).toBe('no_right');
  });

  it.each([
    ['another key', { iss: 'other' }],
    ['no key', { iss: undefined }],
    ['no end', { exp: undefined }],
    ['an end in the past', { exp: nowSeconds - 15 }],
    ['a beginning to come', { nbf: nowSeconds + 60 }],
    ['no identity', { sub: undefined }],
    ['a second identity', { sub: `${identity}#x` }],
    ['the identity of the bridge', { sub: `bridge.${groupId}` }],
    ['an identity in capitals', { sub: identity.toUpperCase().replace('U_', 'u_') }],
    ['a session that is none', { sub: `u_${userId}.` }],
    ['a room of nobody', { video: { room: 'neda.' } }],
    ['a room of another deployment', { video: { room: `other.${room}` } }],
    ['a room with something behind it', { video: { room: `${room}x` } }],
    ['a room in another case', { video: { room, Room: 'neda.x' } }],
    ['no room to join', { video: { roomJoin: false } }],
    ['a right that it does not name', { video: { canPublish: undefined } }],
    ['a right to publish anything', { video: { canPublish: true } }],
    ['a right to publish a camera', { video: { canPublish: true, canPublishSources: ['microphone', 'camera'] } }],
    ['a right to send data', { video: { canPublishData: true } }],
    ['a right to be hidden', { video: { hidden: true } }],
    ['a right over the room', { video: { roomAdmin: true } }],
    ['a right to make rooms', { video: { roomCreate: true } }],
    ['a right to list rooms', { video: { roomList: true } }],
    ['a right that nobody knows', { video: { roomFuture: true } }],
    ['rights of a telephone', { sip: { admin: true } }],
    ['a room that it configures', { roomConfig: { agents: [{ agentName: 'x' }] } }],
    ['another kind of participant', { kind: 'agent' }],
  ])('refuses a token with %s', async (_name, changes) => {
    expect(await gate().refusalOf(asking(await sign(changes)))).toBe('token');
  });

  it('refuses a token of another secret, of another algorithm, without a signature, and of its own second half', async () => {
    const good = await sign({});
    const forged = [
      await sign({}, { secret: 'another secret of more than 32 bytes' }),
      await sign({}, { algorithm: 'HS512' }),
      `${new UnsecuredJWT({ sub: identity }).setExpirationTime('1m').encode()}x`,
      `${good.slice(0, -4)}AAAA`,
    ];
    for (const token of forged) expect(await gate().refusalOf(asking(token))).toBe('token');
  });

  it('keeps to the rooms of its prefix', async () => {
    const other = gate({ keyPrefix: 'other.' });
    expect(await other.refusalOf(asking(await sign({})))).toBe('token');
    expect(await other.refusalOf(asking(await sign({ video: { room: `other.${room}` } })))).toBeNull();
  });

  it('refuses everybody without a media server', async () => {
    expect(await gate({ livekit: null }).refusalOf(asking(await sign({})))).toBe('no_media_server');
  });

  it('refuses a session that joins in a loop for the rest of the minute, and nobody else', async () => {
    let nowMs = nowSeconds * 1_000;
    const limited = gate({ nowMs: () => nowMs });
    const exp = nowMs / 1_000 + 600;
    const ask = async (who: string) => limited.refusalOf(asking(await sign({ sub: who, exp })));
    for (let attempt = 1; attempt <= 60; attempt += 1) expect(await ask(identity)).toBeNull();
    expect(await ask(identity)).toBe('too_many');
    expect(await ask(`u_${userId}.${uuidV7()}`)).toBeNull();
    nowMs += 60_000;
    expect(await ask(identity)).toBeNull();
  });
});
