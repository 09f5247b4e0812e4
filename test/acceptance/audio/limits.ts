import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { StandstillWatch } from '../../../clients/headless/standstill.ts';
import { numbers, numbersOf, sendPacket, speak } from '../../_support/audio.ts';
import { caughtUp } from '../../_support/awake.ts';
import { WsClient } from '../../_support/ws-client.ts';
import { type AudioScene, joinWithAudio, letGo, press, since, untilHeard } from './scene.ts';

const T1_MS = 4_000;

/** Rates, sizes, silence, slow listeners; with `RATE_LIMITS=off`, which lifts none of these. */
export function testLimits(scene: () => AudioScene): void {
  test('so does one who is back without audio, and one who has switched it off', async () => {
    const [first, second] = [await scene().trio(), await scene().trio()];
    await press(first.alice.client, first.groupId);
    const pressedAtMs = performance.now();
    await press(second.bob.client, second.groupId);
    first.alice.client.terminate();
    const sinceMs = performance.now();
    const back = await WsClient.signIn(scene().here.origin, first.alice.tokens.accessToken);
    scene().keep(back);
    const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: first.groupId });
    expect(joined['floor']).toMatchObject({ mine: true });
    await second.bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId: second.groupId });
    for (const [talker, listener, groupId, fromMs] of [
      [back, first.carol.client, first.groupId, sinceMs],
      // He has kept his socket: his silence counts from the grant.
      [second.bob.client, second.carol.client, second.groupId, pressedAtMs],
    ] as const) {
      const revoked = await talker.waitForType('TALK_REVOKED', { groupId, limitMs: 8_000 });
      expect(revoked['cause']).toBe('media_failed');
      expect(talker.timeOf(revoked) - fromMs).toBeGreaterThan(T1_MS - 1_000);
      expect(await listener.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'media_failed' });
    }
  });

  test('a talker of whom nothing comes for 4 s loses the floor', async () => {
    const { groupId, alice, carol } = await scene().trio();
    const pressedAtMs = performance.now();
    const streamId = await press(alice.client, groupId);
    const revoked = await alice.client.waitForType('TALK_REVOKED', { groupId, limitMs: T1_MS + 1_500 });
    expect(revoked).toMatchObject({ cause: 'media_failed', retryAfterMs: 0 });
    expect(alice.client.timeOf(revoked) - pressedAtMs).toBeGreaterThan(T1_MS - 100);
    for (const { client } of [alice, carol]) {
      expect(await client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'media_failed' });
    }
    const order = alice.client.messages().map(({ type }) => type);
    expect(order.indexOf('TALK_REVOKED')).toBeLessThan(order.indexOf('TALK_ENDED'));
    sendPacket(alice.client, streamId, 0);
    await alice.client.settled();
    expect(carol.client.binary).toEqual([]);
  });

  test('joining again and again, without audio or with it, does not put off the end of a silent talk', async () => {
    const { groupId, alice, carol } = await scene().trio();
    await press(alice.client, groupId);
    const isOver = alice.client.waitForType('TALK_REVOKED', { groupId, limitMs: T1_MS + 6_000 });
    let isEnded = false;
    void isOver.finally(() => (isEnded = true)).catch(() => undefined);
    while (!isEnded) {
      for (const audio of [false, true]) await alice.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, audio });
      await pause(200);
    }
    expect(await isOver).toMatchObject({ cause: 'media_failed' });
    expect(await carol.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'media_failed' });
  });

  test('a packet every 400 ms keeps the floor', async () => {
    const { groupId, alice, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    await speak(alice.client, { streamId, count: 14, everyMs: 400, opusBytes: 3 });
    await untilHeard(carol.client, streamId, 13);
    expect(alice.client.messages('TALK_REVOKED')).toEqual([]);
    await letGo(alice.client, groupId);
    expect(await carol.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'released' });
  });

  test('the 4 s begin anew when the talker comes back', async () => {
    const { groupId, alice, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    await since(performance.now(), 2_000);
    alice.client.terminate();
    const again = await WsClient.signIn(scene().here.origin, alice.tokens.accessToken);
    scene().keep(again);
    await joinWithAudio(again, groupId);
    const backAtMs = performance.now();
    await since(backAtMs, 2_200);
    await caughtUp();
    sendPacket(again, streamId, 7);
    await untilHeard(carol.client, streamId, 7);
    const ended = await carol.client.waitForType('TALK_ENDED', { groupId, limitMs: 8_000 });
    expect(ended['cause']).toBe('media_failed');
    expect(carol.client.timeOf(ended) - backAtMs).toBeGreaterThan(2_200 + T1_MS - 100);
  });

  test('over 110 packets a second are dropped, and end the talk when it goes on', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    using watch = new StandstillWatch();
    const streamId = await press(alice.client, groupId);
    const pressedAtMs = performance.now();
    const speaking = speak(alice.client, { streamId, count: 1_600, everyMs: 5, opusBytes: 5 });
    const ended = await carol.client.waitForType('TALK_ENDED', { groupId, limitMs: 12_000 });
    expect(ended).toMatchObject({ cause: 'media_failed' });
    expect(Number(ended['durationMs'])).toBeGreaterThan(5_000);
    const spokenMs = Number(ended['durationMs']) - watch.between(pressedAtMs);
    expect(spokenMs).toBeLessThan(8_000);
    await speaking;
    await alice.client.settled();
    for (const { client } of [bob, carol]) {
      const seconds = Number(ended['durationMs']) / 1_000;
      expect(numbersOf(client, streamId).length).toBeLessThanOrEqual(110 * Math.ceil(seconds));
      expect(numbersOf(client, streamId).length).toBeGreaterThan(110 * (Math.floor(spokenMs / 1_000) - 1));
    }
  });

  test('over 128 kbit of Opus a second are dropped', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    for (const number of numbers(0, 20)) sendPacket(alice.client, streamId, number, 1_000);
    sendPacket(alice.client, streamId, 90, 1);
    await alice.client.settled();
    await since(performance.now(), 1_100);
    await caughtUp();
    sendPacket(alice.client, streamId, 91);
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 91);
      expect(numbersOf(client, streamId)).toEqual([...numbers(0, 16), 91]);
    }
  });

  test.each([
    ['9 bytes', Buffer.concat([Buffer.from([1]), Buffer.alloc(8)])],
    ['no bytes', Buffer.alloc(0)],
    ['1 285 bytes', Buffer.concat([Buffer.from([1]), Buffer.alloc(1_284)])],
    ['another first byte', Buffer.concat([Buffer.from([2]), Buffer.alloc(40)])],
  ])('%s are no packet: an error without re, and the third closes', async (_name, bytes) => {
    const { groupId, alice } = await scene().trio();
    await press(alice.client, groupId);
    alice.client.sendRaw(bytes);
    const error = await alice.client.waitForType('ERROR');
    expect(error).toMatchObject({ code: 'invalid_message' });
    expect(error.re).toBeUndefined();
    alice.client.sendRaw(bytes);
    await alice.client.settled();
    alice.client.sendRaw(bytes);
    expect(await alice.client.closed()).toMatchObject({ code: 4502 });
  });

  test('over 8 KiB closes 1009', async () => {
    const { alice } = await scene().trio();
    alice.client.sendRaw(Buffer.alloc(8_193, 1));
    expect(await alice.client.closed()).toMatchObject({ code: 1009 });
  });

  test('who has joined no group with audio may send no binary message', async () => {
    const { groupId } = await scene().trio();
    const dave = await scene().person(scene().here, 'bob');
    await dave.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    sendPacket(dave.client, 1, 0);
    expect(await dave.client.closed()).toMatchObject({ code: 1003 });
  });

  test('a packet right behind the join that allows it is no fault', async () => {
    const { groupId } = await scene().trio();
    const { client } = await scene().person(scene().here, 'bob');
    client.inOneFlight(() => {
      client.send('JOIN_GROUP', { groupId, audio: true });
      sendPacket(client, 1, 0);
    });
    await client.waitForType('GROUP_JOINED', { groupId });
    await client.settled();
  });

  test('a talker who comes back may go on speaking in the flight of his HELLO', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    sendPacket(alice.client, streamId, 0);
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 0);
    alice.client.terminate();
    const back = await WsClient.connect(scene().here.origin, { token: alice.tokens.accessToken });
    scene().keep(back);
    back.inOneFlight(() => {
      back.send('HELLO');
      back.send('JOIN_GROUP', { groupId, audio: true });
      for (const number of numbers(1, 20)) sendPacket(back, streamId, number);
    });
    const joined = await back.waitForType('GROUP_JOINED', { groupId });
    expect(joined['floor']).toMatchObject({ mine: true, streamId });
    sendPacket(back, streamId, 21);
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 21);
      const heard = numbersOf(client, streamId);
      expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b));
    }
  });

  test.each([
    ['without audio', {}],
    ['of an unknown group', { groupId: '01890000-0000-7000-8000-000000000000', audio: true }],
  ])('a join %s allows no binary message', async (_which, fields) => {
    const { groupId } = await scene().trio();
    const { client } = await scene().person(scene().here, 'bob');
    await client.request('JOIN_GROUP', { groupId, ...fields });
    sendPacket(client, 1, 0);
    expect(await client.closed()).toMatchObject({ code: 1003 });
  });

  test('nor does one in the flight of HELLO', async () => {
    const { groupId, bob } = await scene().trio();
    const flight = await WsClient.connect(scene().here.origin, { token: bob.tokens.accessToken });
    scene().keep(flight);
    flight.inOneFlight(() => {
      flight.send('HELLO');
      flight.send('JOIN_GROUP', { groupId });
      sendPacket(flight, 1, 0);
    });
    expect(await flight.closed()).toMatchObject({ code: 1003 });
  });

  test('who reads too slowly loses audio, and no event', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const slow = await scene().person(scene().there, 'bob');
    await joinWithAudio(slow.client, groupId);
    const streamId = await press(alice.client, groupId);
    await slow.client.waitForType('TALK_STARTED', { groupId });
    slow.client.freeze();
    // Half of what is allowed in a second: what a busy machine sends late and at once is not too much.
    await speak(alice.client, { streamId, count: 600, everyMs: 20, opusBytes: 160 });
    await letGo(alice.client, groupId);
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 599);
      expect(numbersOf(client, streamId)).toEqual(numbers(0, 600));
    }
    slow.client.thaw();
    await slow.client.waitForType('TALK_ENDED', { groupId });
    const heard = numbersOf(slow.client, streamId);
    expect(heard).toEqual(numbers(0, heard.length));
    expect(heard.length * 173).toBeLessThan(80 * 1_024);
    await slow.client.settled();
    const next = await press(alice.client, groupId);
    sendPacket(alice.client, next, 0);
    await untilHeard(slow.client, next, 0);
  }, 120_000);
}
