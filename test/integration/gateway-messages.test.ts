import { v7 as newId } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependencyUnavailable } from '../../src/errors.ts';
import { MessageRefused } from '../../src/realtime/gateway/index.ts';
import {
  createMemoryClaimStore,
  createMemorySessionClaims,
  type SessionClaims,
} from '../../src/realtime/sessions/index.ts';
import { WsClient } from '../_support/ws-client.ts';
import { GatewayHarness, identity } from './gateway-harness.ts';

let harness: GatewayHarness;
let client: WsClient;
let bystander: WsClient;
const groupId = newId();

beforeEach(async () => {
  harness = await new GatewayHarness().start();
  client = await WsClient.signIn(harness.origin, harness.signIn());
  bystander = await WsClient.signIn(harness.origin, harness.signIn());
});
afterEach(async () => {
  await bystander.settled();
  await harness.stop();
});

describe('a bad message', () => {
  const deep = `${'['.repeat(4_000)}${']'.repeat(4_000)}`;
  it.each([
    ['nothing', '', 'JSON'],
    ['null', 'null', 'JSON object'],
    ['an array', '[]', 'JSON object'],
    ['a text', '"PING"', 'JSON object'],
    ['nested very deep', deep, 'JSON object'],
    ['with a byte order mark', '\uFEFF{"type":"PING","id":"1"}', 'JSON'],
    ['without an id', '{"type":"PING"}', 'id'],
    ['with an id that is a number', '{"type":"PING","id":1}', 'id'],
    ['with an empty id', '{"type":"PING","id":""}', 'id'],
    ['with an id too long', JSON.stringify({ type: 'PING', id: 'x'.repeat(65) }), 'id'],
    ['with two ids', '{"type":"PING","id":"a","id":"b"}', 'id: stands twice in one object'],
    ['with an id that is an object', '{"type":"PING","id":{"toString":1}}', 'id'],
  ])('%s is answered without re', async (_name, text, field) => {
    client.sendRaw(text);
    const error = await client.waitForType('ERROR');
    expect(error).toMatchObject({ code: 'invalid_message', message: expect.stringContaining(field) });
    expect(error).not.toHaveProperty('re');
    await client.settled();
  });

  const join = { type: 'JOIN_GROUP', id: 'a', groupId };
  it.each([
    ['no type', '{"id":"a"}', 'invalid_message', 'type'],
    ['a type that is no text', '{"id":"a","type":["PING"]}', 'invalid_message', 'type'],
    ['an unknown type', '{"id":"a","type":"SHOUT"}', 'unknown_type', 'JOIN_GROUP'],
    ['a type of Object.prototype', '{"id":"a","type":"constructor"}', 'unknown_type', 'JOIN_GROUP'],
    [
      'an unknown field',
      '{"id":"a","type":"PING","loud":true}',
      'invalid_message',
      'loud: is not known here; PING has type, id',
    ],
    ['__proto__', '{"id":"a","type":"PING","__proto__":{"x":1}}', 'invalid_message', '__proto__'],
    ['a type twice', '{"type":"PING","id":"a","type":"PING"}', 'invalid_message', 'type: stands twice in one object'],
    [
      'a group twice',
      JSON.stringify(join).replace('{', `{"\\u0067roupId":"${groupId}",`),
      'invalid_message',
      'groupId: stands twice in one object',
    ],
    ['a field missing', '{"id":"a","type":"JOIN_GROUP"}', 'invalid_message', 'groupId: is missing'],
    ['a number for a flag', JSON.stringify({ ...join, audio: 1 }), 'invalid_message', 'audio: must be true or false'],
    [
      '1e400',
      `{"id":"a","type":"JOIN_GROUP","groupId":"${groupId}","since":{"epoch":1e400,"seq":0}}`,
      'invalid_message',
      'since.epoch: must be a number',
    ],
    [
      'a text for a number',
      JSON.stringify({ ...join, since: { epoch: '1', seq: 0 } }),
      'invalid_message',
      'since.epoch: must be a number',
    ],
    [
      'numbers that cannot be',
      JSON.stringify({ ...join, since: { epoch: 0.5, seq: -1 } }),
      'invalid_message',
      'since.epoch: must be a whole number (and 1 more)',
    ],
    [
      'an unknown field inside',
      JSON.stringify({ ...join, since: { epoch: 1, seq: 0, x: 1 } }),
      'invalid_message',
      'since.x: is not known here',
    ],
    [
      'an upper-case id',
      JSON.stringify({ ...join, groupId: groupId.toUpperCase() }),
      'invalid_message',
      'groupId: must be',
    ],
    ['braces in an id', JSON.stringify({ ...join, groupId: '{}' }), 'invalid_message', 'groupId'],
    ['a pattern in an id', JSON.stringify({ ...join, groupId: '*?[' }), 'invalid_message', 'groupId'],
    ['a line end in an id', JSON.stringify({ ...join, groupId: `${groupId}\r\n` }), 'invalid_message', 'groupId'],
    ['a path in an id', JSON.stringify({ ...join, groupId: '../../etc' }), 'invalid_message', 'groupId'],
    ['a huge id', JSON.stringify({ ...join, groupId: 'a'.repeat(8_000) }), 'invalid_message', 'groupId'],
    ['a second HELLO', '{"id":"a","type":"HELLO"}', 'invalid_message', 'HELLO'],
  ])('with %s is answered with re, the field and what is allowed', async (_name, text, code, field) => {
    client.sendRaw(text);
    const error = await client.answerTo('a');
    expect(error).toMatchObject({ type: 'ERROR', code, message: expect.stringContaining(field) });
    expect(JSON.stringify(error).length).toBeLessThan(600);
    expect(JSON.stringify(error)).not.toMatch(/invalid (input|option)|expected|received|too (small|big)/i);
    await client.settled();
  });

  it('for the third time closes 4502, each answered', async () => {
    client.sendRaw('no');
    client.sendRaw('{"id":"b","type":"SHOUT"}');
    client.sendRaw('{"id":"c","type":"PING","x":1}');
    expect(await client.closed()).toEqual({ code: 4502, reason: 'protocol_error' });
    expect(client.messages('ERROR').map(({ re }) => re)).toEqual([undefined, 'b', 'c']);
  });

  it('is not one whose id has 64 characters of two units each', async () => {
    const id = '🙂'.repeat(64);
    client.sendRaw(JSON.stringify({ type: 'PING', id }));
    expect(await client.answerTo(id)).toMatchObject({ type: 'PONG' });
    client.sendRaw(JSON.stringify({ type: 'PING', id: `${id}🙂` }));
    expect(await client.waitForType('ERROR')).toMatchObject({ code: 'invalid_message' });
  });

  it('of good form about something unknown does not count', async () => {
    harness.handlers['JOIN_GROUP'] = () => {
      throw new MessageRefused('not_found', 'There is no such group.');
    };
    for (let count = 0; count < 5; count += 1) {
      expect(await client.request('JOIN_GROUP', { groupId })).toMatchObject({ type: 'ERROR', code: 'not_found' });
    }
    await client.settled();
  });
});

describe('a handler', () => {
  it('that throws what a client may know is answered so, with the time to wait', async () => {
    harness.handlers['REQUEST_TALK'] = async () => {
      throw dependencyUnavailable('redis', undefined, 700);
    };
    expect(await client.request('REQUEST_TALK', { groupId })).toMatchObject({ code: 'unavailable', retryAfterMs: 700 });
  });

  it('that throws anything else is answered internal and nothing is told of it', async () => {
    harness.handlers['REQUEST_TALK'] = async () => {
      throw new Error('ECONNREFUSED 10.0.0.7');
    };
    const error = await client.request('REQUEST_TALK', { groupId });
    expect(error).toMatchObject({ type: 'ERROR', code: 'internal' });
    expect(JSON.stringify(error)).not.toContain('10.0.0.7');
    await client.settled();
  });

  it('that is slow holds up neither PING nor another group, only its own group, in order', async () => {
    const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const started: string[] = [];
    harness.handlers['REQUEST_TALK'] = async (_connection, id) => {
      started.push(id);
      await gates[started.length - 1]?.promise;
    };
    harness.handlers['RELEASE_TALK'] = (_connection, id) => void started.push(id);
    const request = client.send('REQUEST_TALK', { groupId });
    const release = client.send('RELEASE_TALK', { groupId });
    const again = client.send('REQUEST_TALK', { groupId });
    await client.settled();
    await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId: newId() });
    expect(started.filter((id) => [request, release, again].includes(id))).toEqual([request]);
    gates[0]?.resolve();
    gates[1]?.resolve();
    await client.answerTo(again);
    const answers = client.messages().map(({ re }) => re);
    expect(answers.indexOf(request)).toBeLessThan(answers.indexOf(release));
    expect(answers.indexOf(release)).toBeLessThan(answers.indexOf(again));
  });

  it('is not started any more once the socket is gone', async () => {
    const gate = Promise.withResolvers<void>();
    const started: string[] = [];
    harness.handlers['REQUEST_TALK'] = async (_connection, id) => {
      started.push(id);
      await gate.promise;
    };
    harness.handlers['RELEASE_TALK'] = (_connection, id) => void started.push(id);
    const request = client.send('REQUEST_TALK', { groupId });
    client.send('RELEASE_TALK', { groupId });
    await client.settled();
    await client.close();
    gate.resolve();
    await expect.poll(() => harness.gateway.counters.sockets.ready).toBe(1);
    expect(started).toEqual([request]);
  });

  it('is never behind more than a bounded number of messages', async () => {
    const unlimited = await new GatewayHarness({ rateLimits: false }).start();
    const flooder = await WsClient.signIn(unlimited.origin, unlimited.signIn());
    const never = Promise.withResolvers<void>();
    unlimited.handlers['JOIN_GROUP'] = () => never.promise;
    for (let count = 0; count < 300; count += 1) flooder.send('JOIN_GROUP', { groupId });
    expect((await flooder.closed()).code).toBe(4004);
    never.resolve();
    await unlimited.stop();
  });
});

describe('the rate of messages', () => {
  it('above the burst is refused, a release is not, and a flood closes 4004', async () => {
    const ids = Array.from({ length: 130 }, () => client.send('PING'));
    const release = client.send('RELEASE_TALK', { groupId });
    expect(await client.answerTo(release)).toMatchObject({ type: 'TALK_RELEASED' });
    const last = await client.answerTo(ids[129] ?? '');
    expect(last).toMatchObject({ type: 'ERROR', code: 'rate_limited', retryAfterMs: expect.any(Number) });
    expect(client.messages('PONG').length).toBeGreaterThanOrEqual(100);
    // However many the limit has allowed again meanwhile.
    for (let count = 0; count < 400; count += 1) client.send('PING');
    expect(await client.closed()).toEqual({ code: 4004, reason: 'rate_limited' });
  });

  it('is free where limits are off', async () => {
    const unlimited = await new GatewayHarness({ rateLimits: false }).start();
    const eager = await WsClient.signIn(unlimited.origin, unlimited.signIn());
    for (let count = 0; count < 500; count += 1) eager.send('PING');
    await eager.settled();
    expect(eager.messages('PONG')).toHaveLength(501);
    await unlimited.stop();
  });
});

describe('AUTHENTICATE', () => {
  it('prolongs the connection with a fresh token of the same session', async () => {
    const who = identity(undefined, undefined, 60_000);
    const watch = await WsClient.signIn(harness.origin, harness.signIn(who));
    const token = harness.signIn({ ...who, expiresAtMs: Date.now() + 600_000 });
    const answer = await watch.expect('AUTHENTICATED', 'AUTHENTICATE', { token });
    expect(Number(answer['tokenExpiresInMs'])).toBeGreaterThan(590_000);
  });

  it.each([
    ['of another session', () => harness.signIn(identity())],
    ['that is bad', () => 'nonsense'],
  ])('with a token %s is forbidden and nothing changes', async (_name, makeToken) => {
    expect(await client.request('AUTHENTICATE', { token: makeToken() })).toMatchObject({
      type: 'ERROR',
      code: 'forbidden',
    });
    await client.settled();
  });

  it('with an older token than the one in use is forbidden', async () => {
    const who = identity();
    const watch = await WsClient.signIn(harness.origin, harness.signIn(who));
    const token = harness.signIn({ ...who, expiresAtMs: who.expiresAtMs - 1_000 });
    expect(await watch.request('AUTHENTICATE', { token })).toMatchObject({ type: 'ERROR', code: 'forbidden' });
  });

  it('that takes long holds up no PING', async () => {
    const slow = Promise.withResolvers<never>();
    harness.tokens.set('slow', () => slow.promise);
    const authenticate = client.send('AUTHENTICATE', { token: 'slow' });
    await client.settled();
    slow.reject(dependencyUnavailable('postgres'));
    expect(await client.answerTo(authenticate)).toMatchObject({ type: 'ERROR', code: 'unavailable' });
  });

  it('while PostgreSQL is away is unavailable', async () => {
    harness.tokens.set('away', () => Promise.reject(dependencyUnavailable('postgres')));
    expect(await client.request('AUTHENTICATE', { token: 'away' })).toMatchObject({ code: 'unavailable' });
  });
});

describe('sockets of one user', () => {
  it('of the same session: the later replaces the earlier', async () => {
    const who = identity();
    const first = await WsClient.signIn(harness.origin, harness.signIn(who));
    const ready = first.messages('READY')[0];
    const second = await WsClient.signIn(harness.origin, harness.signIn(who));
    expect(await first.closed()).toEqual({ code: 4506, reason: 'replaced' });
    expect(harness.gone).toEqual([{ connectionId: ready?.['connectionId'], how: 'replaced' }]);
    await second.settled();
    expect(harness.gateway.connectionsOf(who.user.id)).toHaveLength(1);
    await second.close();
    await expect.poll(() => harness.gone.map(({ how }) => how)).toEqual(['replaced', 'closed']);
  });

  it('of two HELLOs at once the later wins, whichever is read first', async () => {
    const who = identity();
    const slow = Promise.withResolvers<typeof who>();
    harness.tokens.set('slow', () => slow.promise);
    const early = await WsClient.connect(harness.origin);
    early.send('HELLO', { token: 'slow' });
    const late = await WsClient.signIn(harness.origin, harness.signIn(who));
    slow.resolve(who);
    expect((await early.closed()).code).toBe(4506);
    expect(early.received).toHaveLength(0);
    await late.settled();
  });

  it('of the same session on another process: the later replaces the earlier', async () => {
    const store = createMemoryClaimStore();
    const claims = () => createMemorySessionClaims(() => performance.now(), store);
    const [here, there] = [new GatewayHarness({ claims: claims() }), new GatewayHarness({ claims: claims() })];
    await Promise.all([here.start(), there.start()]);
    const who = identity();
    const first = await WsClient.signIn(here.origin, here.signIn(who));
    const second = await WsClient.signIn(there.origin, there.signIn(who));
    expect(await first.closed()).toEqual({ code: 4506, reason: 'replaced' });
    expect(here.gone).toMatchObject([{ how: 'replaced' }]);
    await second.settled();
    const token = there.signIn({ ...who, expiresAtMs: Date.now() + 7_200_000 });
    await second.expect('AUTHENTICATED', 'AUTHENTICATE', { token });
    await second.settled();
    await Promise.all([here.stop(), there.stop()]);
  });

  it('of which one lost its session unheard finds out when it renews its token', async () => {
    const store = createMemoryClaimStore();
    const claims = createMemorySessionClaims(() => performance.now(), store);
    const here = await new GatewayHarness({ claims }).start();
    const who = identity();
    const watch = await WsClient.signIn(here.origin, here.signIn(who));
    const unheard = createMemorySessionClaims(() => performance.now(), store);
    await claims.start({ onReplaced: () => undefined, onGap: () => undefined });
    const claim = { userId: who.user.id, sessionId: who.session.id, connectionId: newId(), ttlMs: 60_000 };
    expect(await unheard.claim(claim, 0)).toBe('claimed');
    await watch.settled();
    watch.send('AUTHENTICATE', { token: here.signIn({ ...who, expiresAtMs: Date.now() + 7_200_000 }) });
    expect((await watch.closed()).code).toBe(4506);
    await here.stop();
  });

  it('are ten at most, then 4505; one of an open session is no eleventh', async () => {
    const userId = newId();
    const sessions = Array.from({ length: 10 }, () => identity(userId));
    const sockets: WsClient[] = [];
    for (const who of sessions) sockets.push(await WsClient.signIn(harness.origin, harness.signIn(who)));
    const eleventh = await WsClient.connect(harness.origin, { token: harness.signIn(identity(userId)) });
    eleventh.send('HELLO');
    expect(await eleventh.closed()).toEqual({ code: 4505, reason: 'connection_limit' });
    const again = await WsClient.signIn(harness.origin, harness.signIn(sessions[0]));
    expect((await sockets[0]?.closed())?.code).toBe(4506);
    await again.close();
    await WsClient.signIn(harness.origin, harness.signIn(identity(userId)));
  });
});

describe.each([
  ['fails', () => Promise.reject(new Error('away'))],
  ['is silent', () => new Promise<never>(() => undefined)],
])('while the live store %s', (_name, away) => {
  it('HELLO works, and what is known of the process itself holds', async () => {
    const claims: SessionClaims = {
      start: async () => undefined,
      claim: away,
      renew: away,
      release: away,
      close: async () => undefined,
    };
    const alone = await new GatewayHarness({ claims, timing: { claimTimeoutMs: 50 } }).start();
    const who = identity();
    const first = await WsClient.signIn(alone.origin, alone.signIn(who));
    const second = await WsClient.signIn(alone.origin, alone.signIn(who));
    expect((await first.closed()).code).toBe(4506);
    for (let count = 0; count < 9; count += 1) {
      await WsClient.signIn(alone.origin, alone.signIn(identity(who.user.id)));
    }
    const eleventh = await WsClient.connect(alone.origin, { token: alone.signIn(identity(who.user.id)) });
    eleventh.send('HELLO');
    expect((await eleventh.closed()).code).toBe(4505);
    await second.settled();
    await alone.stop();
  });
});
