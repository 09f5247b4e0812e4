import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, dependencyUnavailable } from '../../src/errors.ts';
import { UpgradeRefused, WsClient } from '../_support/ws-client.ts';
import { GatewayHarness, identity, membership } from './gateway-harness.ts';

const closeTimeoutMs = 500;
let harness: GatewayHarness;

beforeEach(async () => {
  harness = await new GatewayHarness({ timing: { closeTimeoutMs } }).start();
});
afterEach(async () => {
  await harness.stop();
});

/** For the tests of deadlines alone: whoever is not their subject would miss them when the machine stands still. */
async function restart(...options: ConstructorParameters<typeof GatewayHarness>): Promise<void> {
  await harness.stop();
  harness = await new GatewayHarness(...options).start();
}

describe('the upgrade', () => {
  async function refusal(options: Parameters<typeof WsClient.connect>[1]): Promise<UpgradeRefused> {
    const outcome = await WsClient.connect(harness.origin, options).catch((error: unknown) => error);
    if (outcome instanceof UpgradeRefused) return outcome;
    throw new Error('the upgrade was not refused', { cause: outcome });
  }

  it('is asked for where there is none', async () => {
    const response = await fetch(`${harness.origin}/ws`);
    expect(response.status).toBe(426);
    expect(response.headers.get('upgrade')).toBe('websocket');
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ code: 'upgrade_required', status: 426 });
  });

  it.each(['token', 'access_token', 'ticket'])('is refused with a %s in the URL', async (key) => {
    const { socket, received } = await harness.rawSocket([], `/ws?${key}=abc`);
    await expect
      .poll(() => Buffer.concat(received).toString())
      .toMatch(/^HTTP\/1\.1 400 [\s\S]*"code":"validation_failed"/);
    socket.destroy();
  });

  it('is refused for a foreign origin and open to a listed one', async () => {
    const { status, body } = await refusal({ headers: { origin: 'https://evil.example' } });
    expect(status).toBe(403);
    expect(JSON.parse(body)).toMatchObject({ code: 'origin_not_allowed', status: 403 });
    const client = await WsClient.connect(harness.origin, { headers: { origin: 'https://talk.example' } });
    expect(client.isOpen).toBe(true);
    client.terminate();
  });

  it.each([
    ['token_invalid', 'token_invalid'],
    ['token_expired', 'token_expired'],
    ['token_wrong_type', 'token_wrong_type'],
    ['session_revoked', 'token_invalid'],
    ['user_disabled', 'token_invalid'],
  ] as const)('is refused for a bearer token that is %s', async (reason, code) => {
    harness.tokens.set('bad', { ok: false, reason });
    const { status, body } = await refusal({ token: 'bad' });
    expect(status).toBe(401);
    expect(JSON.parse(body)).toMatchObject({ code, status: 401, requestId: expect.any(String) });
  });

  it('is refused for another scheme than Bearer', async () => {
    expect((await refusal({ headers: { authorization: 'Basic YTpi' } })).status).toBe(401);
  });

  it.each([
    ['Sec-WebSocket-Key: short', 400],
    ['Sec-WebSocket-Version: 8', 426],
    ['Sec-WebSocket-Protocol: neda.v1, neda.v1', 400],
    ['Sec-WebSocket-Protocol: ,,', 400],
  ])('is refused with %s', async (header, status) => {
    const name = header.slice(0, header.indexOf(':'));
    const defaults = ['Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==', 'Sec-WebSocket-Version: 13'];
    const headers = [...defaults.filter((line) => !line.startsWith(name)), header];
    const { socket, received } = await harness.rawUpgrade(headers);
    await expect.poll(() => Buffer.concat(received).toString()).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(Buffer.concat(received).toString()).toContain('application/problem+json');
    socket.destroy();
  });

  it('with 64 KB of headers is refused, and the next one is served', async () => {
    const { socket, received } = await harness.rawSocket([`X-Large: ${'a'.repeat(65_536)}`]);
    await expect.poll(() => Buffer.concat(received).toString()).toMatch(/^HTTP\/1\.1 431 /);
    socket.destroy();
    const client = await WsClient.signIn(harness.origin, harness.signIn());
    client.terminate();
  });

  it('that never ends is cut', async () => {
    await restart({}, { headersTimeoutMs: 400 });
    const { socket, received } = await harness.rawUpgrade(['Sec-WebSocket-Version: 13'], '');
    await expect.poll(() => socket.destroyed).toBe(true);
    expect(Buffer.concat(received).toString()).toMatch(/^HTTP\/1\.1 408 /);
    socket.destroy();
  });

  it('is refused when 100 sockets of the address wait for HELLO, until one leaves', async () => {
    await restart({ timing: { helloTimeoutMs: 60_000 } });
    const clients = await Promise.all(Array.from({ length: 100 }, () => WsClient.connect(harness.origin)));
    const { status, body } = await refusal({});
    expect(status).toBe(429);
    expect(JSON.parse(body)).toMatchObject({ code: 'too_many_requests' });
    for (const client of clients) client.terminate();
    await expect.poll(() => harness.gateway.counters.sockets.waiting).toBe(0);
    const next = await WsClient.connect(harness.origin);
    expect(next.isOpen).toBe(true);
    next.terminate();
  });

  it('takes no subprotocol for neda.v1 and closes only unknown ones with 4507', async () => {
    const token = harness.signIn();
    const plain = await WsClient.connect(harness.origin, { token, subprotocols: [] });
    await plain.hello();
    const unknown = await WsClient.connect(harness.origin, { subprotocols: ['neda.v9', 'chat'] });
    expect(await unknown.closed()).toEqual({ code: 4507, reason: 'unsupported_protocol' });
    plain.terminate();
  });
});

describe('HELLO', () => {
  it('is answered by READY, with the token in it or on the upgrade', async () => {
    const who = identity();
    const { group, role, talk } = membership();
    const token = harness.signIn(who, [membership(group.id)]);
    const browser = await WsClient.connect(harness.origin);
    const ready = await browser.hello({ token, idlePingMs: 60_000 });
    expect(ready).toMatchObject({
      type: 'READY',
      user: who.user,
      session: who.session,
      groups: [{ id: group.id, name: 'Team', role, talk }],
      pingIntervalMs: 60_000,
    });
    expect(ready).toHaveProperty('tokenExpiresInMs', expect.any(Number));
    expect(browser.received).toHaveLength(1);
    expect(harness.gateway.counters.messages.get('HELLO')).toBe(1);
    const native = await WsClient.connect(harness.origin, { token: harness.signIn() });
    expect(await native.hello()).toMatchObject({ pingIntervalMs: 20_000, groups: [] });
    native.terminate();
    browser.terminate();
  });

  it('has to come in time', async () => {
    await restart({ timing: { closeTimeoutMs, helloTimeoutMs: 300 } });
    const client = await WsClient.connect(harness.origin);
    expect(await client.closed()).toEqual({ code: 4501, reason: 'hello_timeout' });
    expect(client.received).toHaveLength(0);
  });

  it.each([
    ['a PING', '{"type":"PING","id":"1"}', 4500],
    ['no JSON', 'HELLO', 4500],
    ['nothing', '', 4500],
    ['an array', '[]', 4500],
    ['bytes', Buffer.from([1, 2, 3]), 1003],
  ])('first: %s closes without a word', async (_name, first, code) => {
    const client = await WsClient.connect(harness.origin, { token: harness.signIn() });
    client.sendRaw(first);
    expect((await client.closed()).code).toBe(code);
    expect(client.received).toHaveLength(0);
  });

  it.each([
    ['an unknown field', { extra: 1 }, 'extra'],
    ['a token that is a number', { token: 7 }, 'token'],
    ['an interval too short', { idlePingMs: 19_999 }, 'idlePingMs'],
    ['an interval too long', { idlePingMs: 240_001 }, 'idlePingMs'],
  ])('with %s is answered and closed', async (_name, fields, field) => {
    const client = await WsClient.connect(harness.origin, { token: harness.signIn() });
    const id = client.send('HELLO', fields);
    expect((await client.closed()).code).toBe(4500);
    expect(client.messages()).toMatchObject([
      { type: 'ERROR', re: id, code: 'invalid_message', message: expect.stringContaining(field) },
    ]);
  });

  it('without a good id is answered without re', async () => {
    const client = await WsClient.connect(harness.origin, { token: harness.signIn() });
    client.sendRaw('{"type":"HELLO","id":7}');
    expect((await client.closed()).code).toBe(4500);
    expect(client.messages()).toMatchObject([{ type: 'ERROR', code: 'invalid_message' }]);
    expect(client.messages()[0]).not.toHaveProperty('re');
  });

  it.each([
    ['token_invalid', 4500],
    ['token_wrong_type', 4500],
    ['token_expired', 4001],
    ['user_disabled', 4504],
    ['session_revoked', 4503],
  ] as const)('with a token that is %s closes %i', async (reason, code) => {
    harness.tokens.set('bad', { ok: false, reason });
    const client = await WsClient.connect(harness.origin);
    client.send('HELLO', { token: 'bad' });
    expect((await client.closed()).code).toBe(code);
    expect(client.received).toHaveLength(0);
  });

  it('without any token closes 4500', async () => {
    const client = await WsClient.connect(harness.origin);
    client.send('HELLO');
    expect((await client.closed()).code).toBe(4500);
  });

  it('may be followed by seven messages at once, answered in order after READY', async () => {
    const client = await WsClient.connect(harness.origin, { token: harness.signIn() });
    const hello = client.send('HELLO');
    const pings = Array.from({ length: 7 }, () => client.send('PING'));
    await client.answerTo(pings[6] ?? '');
    expect(client.messages().map(({ re }) => re)).toEqual([hello, ...pings]);
  });

  it.each([
    ['nine messages', Array.from({ length: 8 }, () => ({}))],
    ['more than 16 KiB', Array.from({ length: 3 }, () => ({ padding: 'x'.repeat(6_000) }))],
  ])('and %s before READY close 4502', async (_name, messages) => {
    const client = await WsClient.connect(harness.origin);
    const never = Promise.withResolvers<never>();
    harness.tokens.set('slow', () => never.promise);
    client.send('HELLO', { token: 'slow' });
    for (const fields of messages) client.send('PING', fields);
    expect((await client.closed()).code).toBe(4502);
  });

  it('while PostgreSQL is away is answered, the socket stays and may ask again', async () => {
    const who = identity();
    const token = harness.signIn(who);
    harness.tokens.set(token, () => Promise.reject(dependencyUnavailable('postgres')));
    const client = await WsClient.connect(harness.origin, { token });
    const first = client.send('HELLO');
    const join = client.send('JOIN_GROUP', { groupId: membership().group.id });
    expect(await client.answerTo(first)).toMatchObject({ type: 'ERROR', code: 'unavailable', retryAfterMs: 1_000 });
    expect(await client.answerTo(join)).toMatchObject({ type: 'ERROR', code: 'unavailable' });
    harness.tokens.set(token, who);
    await client.hello();
    client.terminate();
  });

  it('while PostgreSQL is away is served from what was read before, unless it changed since', async () => {
    const team = membership();
    const [known, changed, stranger] = [identity(), identity(), identity()];
    const tokens = [known, changed, stranger].map((who) => harness.signIn(who, [team]));
    for (const token of tokens.slice(0, 2)) (await WsClient.signIn(harness.origin, token)).terminate();
    await harness.publish('member.changed', { groupId: team.group.id, userId: changed.user.id });
    harness.groupsAreAway = true;
    const answers = [];
    for (const token of tokens)
      answers.push(await (await WsClient.connect(harness.origin, { token })).request('HELLO'));
    expect(answers).toMatchObject([
      { type: 'READY', groups: [{ id: team.group.id }] },
      { type: 'ERROR', code: 'unavailable' },
      { type: 'ERROR', code: 'unavailable' },
    ]);
    await harness.publish('group.updated', { groupId: team.group.id });
    const again = await WsClient.connect(harness.origin, { token: tokens[0] ?? '' });
    expect(await again.request('HELLO')).toMatchObject({ type: 'ERROR', code: 'unavailable' });
  });

  it('that gets no answer from PostgreSQL is unavailable after a while, and a late answer changes nothing', async () => {
    await restart({ timing: { closeTimeoutMs, helloTimeoutMs: 1_500, signInTimeoutMs: 300 } });
    const who = identity();
    const late = Promise.withResolvers<typeof who>();
    harness.tokens.set('slow', () => late.promise);
    const client = await WsClient.connect(harness.origin);
    expect(await client.request('HELLO', { token: 'slow' })).toMatchObject({ type: 'ERROR', code: 'unavailable' });
    late.resolve(who);
    expect(await client.closed()).toMatchObject({ code: 4501 });
    expect(client.messages('READY')).toHaveLength(0);
  });

  it('that meets a fault of the server closes 4005 and tells nothing of it', async () => {
    harness.tokens.set('broken', () => Promise.reject(new Error('relation "users" does not exist')));
    const client = await WsClient.connect(harness.origin);
    client.send('HELLO', { token: 'broken' });
    expect((await client.closed()).code).toBe(4005);
    expect(JSON.stringify(client.messages())).not.toContain('relation');
  });

  it('with a refusal of the application other than unavailability is a fault too', async () => {
    harness.tokens.set('odd', () => Promise.reject(new AppError('forbidden', 'no')));
    const client = await WsClient.connect(harness.origin);
    client.send('HELLO', { token: 'odd' });
    expect((await client.closed()).code).toBe(4005);
  });

  it('whose session ends while it is read closes 4503', async () => {
    const who = identity();
    harness.tokens.set('slow', async () => {
      await harness.publish('session.ended', { sessionId: who.session.id, userId: who.user.id });
      return who;
    });
    const client = await WsClient.connect(harness.origin);
    client.send('HELLO', { token: 'slow' });
    expect((await client.closed()).code).toBe(4503);
    expect(client.received).toHaveLength(0);
  });
});
