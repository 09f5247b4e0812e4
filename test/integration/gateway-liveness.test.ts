import { IncomingMessage } from 'node:http';
import { connect, Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, it } from 'vitest';
import { type Connection, type GatewayTiming, prepareFrame } from '../../src/realtime/gateway/index.ts';
import { until } from '../_support/until.ts';
import { WsClient } from '../_support/ws-client.ts';
import { GatewayHarness, identity } from './gateway-harness.ts';

let harness: GatewayHarness;

afterEach(async () => {
  await harness.stop();
});

async function start(timing: Partial<GatewayTiming>, overrides: ConstructorParameters<typeof GatewayHarness>[0] = {}) {
  harness = await new GatewayHarness({ timing: { closeTimeoutMs: 300, ...timing }, ...overrides }).start();
}

async function signIn(who = identity()): Promise<{ client: WsClient; connection: Connection }> {
  const client = await WsClient.signIn(harness.origin, harness.signIn(who));
  const [connection] = harness.gateway.connectionsOf(who.user.id);
  if (connection === undefined) throw new Error('there is no connection');
  return { client, connection };
}

describe('silence', () => {
  it('of twice the interval closes 4003; a client that answers pings stays', async () => {
    await start({ pingIntervalMs: 1_500 });
    const frozen = await signIn();
    const quiet = await signIn();
    frozen.client.freeze();
    await expect.poll(() => frozen.connection.open).toBe(false);
    expect(harness.gone).toEqual([{ connectionId: frozen.connection.id, how: 'closed' }]);
    expect(harness.gateway.counters.ended.get('ping_timeout')).toBe(1);
    await quiet.client.settled();
    frozen.client.thaw();
    expect((await frozen.client.closed()).code).toBe(4003);
  });

  it('of a talker is found sooner, and only while he talks', async () => {
    await start({ talkerPingIntervalMs: 100, talkerSilenceMs: 400 });
    const talker = await signIn();
    const other = await signIn();
    const finished = await signIn();
    for (const { connection } of [talker, finished]) connection.watchTalker(true);
    finished.connection.watchTalker(false);
    for (const { client } of [talker, other, finished]) client.freeze();
    await expect.poll(() => talker.connection.open).toBe(false);
    expect(other.connection.open).toBe(true);
    expect(finished.connection.open).toBe(true);
  });

  it('ends for a talker who answers pings, and each is told', async () => {
    await start({ talkerPingIntervalMs: 250, talkerSilenceMs: 1_500 });
    let heard = 0;
    harness.listener.onHeard = () => {
      heard += 1;
    };
    const { client, connection } = await signIn();
    await client.settled();
    expect(heard).toBe(0);
    connection.watchTalker(true);
    await expect.poll(() => heard).toBeGreaterThan(8);
    expect(connection.open).toBe(true);
  });
});

describe('a session that is heard on its socket', () => {
  it('by a message is seen, and not again at once', async () => {
    await start({ seenEveryMs: 300 });
    const beganAtMs = performance.now();
    const { client, connection } = await signIn();
    await client.settled();
    expect(harness.seen.length).toBeLessThanOrEqual((performance.now() - beganAtMs) / 300);
    await until(
      async () => {
        await client.settled();
        return harness.seen.length > 2;
      },
      { limitMs: 15_000, describe: () => 'the session is seen' },
    );
    expect(performance.now() - beganAtMs).toBeGreaterThan(900);
    expect(new Set(harness.seen)).toEqual(new Set([connection.session.id]));
  });

  it('by nothing but answers to pings is seen', async () => {
    await start({ pingIntervalMs: 1_500, seenEveryMs: 300 });
    const { connection } = await signIn();
    await expect.poll(() => harness.seen.length).toBeGreaterThan(1);
    expect(new Set(harness.seen)).toEqual(new Set([connection.session.id]));
  });

  it('by nothing but its own pings is seen', async () => {
    await start({ pingIntervalMs: 50_000, seenEveryMs: 0 });
    const { socket, received } = await harness.rawSocket([`Authorization: Bearer ${harness.signIn()}`]);
    const text = JSON.stringify({ type: 'HELLO', id: 'h' });
    socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)]));
    await expect.poll(() => Buffer.concat(received).toString('latin1')).toContain('READY');
    expect(harness.seen).toEqual([]);
    socket.write(Buffer.from([0x89, 0x80, 0, 0, 0, 0]));
    await expect.poll(() => harness.seen.length).toBe(1);
    socket.destroy();
  });
});

describe('a slow reader', () => {
  it('is closed when it answers no ping while much is written to it', async () => {
    await start({ slowConsumerMs: 1_500 });
    const slow = await signIn();
    const quick = await signIn();
    const frame = prepareFrame(JSON.stringify({ type: 'NOTICE', text: 'x'.repeat(30_000) }));
    slow.client.freeze();
    for (let count = 0; count < 20; count += 1) for (const { connection } of [slow, quick]) connection.sendFrame(frame);
    await expect.poll(() => slow.connection.open).toBe(false);
    expect(harness.gateway.counters.ended.get('slow_consumer')).toBe(1);
    await quick.client.settled();
    expect(quick.connection.open).toBe(true);
  });

  it('is closed when too much waits in the process', async () => {
    await start({ slowConsumerMs: 60_000 });
    const { client, connection } = await signIn();
    const frame = prepareFrame(JSON.stringify({ type: 'NOTICE', text: 'x'.repeat(60_000) }));
    client.freeze();
    await expect
      .poll(
        () => {
          for (let count = 0; count < 20; count += 1) connection.sendFrame(frame);
          return connection.open;
        },
        { interval: 5 },
      )
      .toBe(false);
    expect(harness.gateway.counters.ended.get('slow_consumer')).toBe(1);
  });
});

describe('an old token', () => {
  it('closes 4001', async () => {
    await start({});
    const { client } = await signIn(identity(undefined, undefined, 2_000));
    expect(await client.closed()).toEqual({ code: 4001, reason: 'token_expired' });
  });

  it('closes nothing when it was renewed in time', async () => {
    await start({});
    const who = identity(undefined, undefined, 3_000);
    const { client, connection } = await signIn(who);
    const fresh = { ...who, expiresAtMs: Date.now() + 600_000 };
    await client.expect('AUTHENTICATED', 'AUTHENTICATE', { token: harness.signIn(fresh) });
    await expect.poll(() => Date.now() - who.expiresAtMs).toBeGreaterThan(300);
    expect(connection.open).toBe(true);
    await client.settled();
  });

  it('closes nothing while none can be had, and for a while after', async () => {
    let possibleSinceMs: number | null = null;
    await start({ tokenGraceMs: 1_500 }, { tokenRenewal: { possibleSinceMs: () => possibleSinceMs } });
    const who = identity(undefined, undefined, 100);
    const { client, connection } = await signIn(who);
    await expect.poll(() => Date.now() - who.expiresAtMs).toBeGreaterThan(400);
    expect(connection.open).toBe(true);
    possibleSinceMs = performance.now();
    const backAtMs = performance.now();
    expect((await client.closed()).code).toBe(4001);
    expect(performance.now() - backAtMs).toBeGreaterThan(1_400);
  });
});

describe('frames', () => {
  it('of all lengths and ways arrive whole and in order, also many in one tick', async () => {
    await start({});
    const { client, connection } = await signIn();
    const texts = [0, 80, 125, 126, 127, 65_500, 65_535, 65_536, 70_000].map((length) => 'ü€'.padEnd(length, 'x'));
    for (const text of texts) {
      connection.send({ type: 'PONG', re: 'a' });
      connection.sendText(JSON.stringify({ type: 'NOTICE', text }));
      connection.sendFrame(prepareFrame(JSON.stringify({ type: 'NOTICE', text })));
    }
    await client.settled();
    const expected = texts.flatMap((text) => [undefined, text, text]);
    expect(
      client
        .messages()
        .slice(1, -1)
        .map((message) => message['text']),
    ).toEqual(expected);
  });

  it('that are the last before a close arrive before it', async () => {
    await start({});
    const { client, connection } = await signIn();
    connection.send({ type: 'PONG', re: 'a' });
    connection.send({ type: 'PONG', re: 'b' });
    connection.close('internal');
    connection.send({ type: 'PONG', re: 'c' });
    expect((await client.closed()).code).toBe(4005);
    expect(client.messages('PONG').map(({ re }) => re)).toEqual(['a', 'b']);
  });
});

describe('a graceful stop', () => {
  it('closes every socket with 4000, tells of each, and takes no new one', async () => {
    await start({});
    const ready = [await signIn(), await signIn()];
    const waiting = await WsClient.connect(harness.origin);
    const frozen = await signIn();
    frozen.client.freeze();
    await harness.gateway.stop(1_000);
    for (const { client } of ready) expect(await client.closed()).toEqual({ code: 4000, reason: 'server_shutdown' });
    expect((await waiting.closed()).code).toBe(4000);
    expect(harness.gone).toHaveLength(3);
    expect(harness.gateway.counters.sockets).toEqual({ waiting: 0, ready: 0 });
    await expect(WsClient.connect(harness.origin)).rejects.toThrow('503');
  });

  it('cuts who does not close in time', async () => {
    await start({ closeTimeoutMs: 60_000 });
    const { socket, received } = await harness.rawSocket();
    await expect.poll(() => Buffer.concat(received).toString()).toContain('101');
    const startedAtMs = performance.now();
    await harness.gateway.stop(300);
    expect(performance.now() - startedAtMs).toBeLessThan(20_000);
    await expect.poll(() => socket.destroyed).toBe(true);
  });
});

it('a client that is gone before its upgrade gives its place back', async () => {
  await start({});
  const request = new IncomingMessage(new Socket());
  request.method = 'GET';
  request.headers = {
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
  };
  let left = 0;
  const leaveQuota = (): void => void (left += 1);
  const admission = {
    requestId: 'upgrade',
    token: null,
    authentication: null,
    verifiedAtMs: 0,
    unknownProtocol: false,
    leaveQuota,
  };
  harness.gateway.accept(request, new PassThrough().destroy(), Buffer.alloc(0), admission);
  expect(left).toBe(1);
  expect(harness.gateway.counters.sockets.waiting).toBe(0);
});

it('a socket that is dropped at any moment of its opening leaves nothing behind', async () => {
  await start({});
  const token = harness.signIn();
  harness.tokens.set('later', () => Promise.resolve({ ok: false, reason: 'token_invalid' }));
  for (const headers of [[], ['Authorization: Bearer later'], [`Authorization: Bearer ${token}`]]) {
    const { socket } = await harness.rawSocket(headers);
    socket.destroy();
  }
  const half = connect({ host: '127.0.0.1', port: Number(new URL(harness.origin).port) });
  half.end('GET /ws HTTP/1.1\r\n');
  await expect.poll(() => harness.gateway.counters.sockets).toEqual({ waiting: 0, ready: 0 });
  const { client } = await signIn();
  await client.close();
});
