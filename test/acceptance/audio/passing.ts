import { expect, test } from 'vitest';
import { numbers, numbersOf, packetBytes, packetsOf, sendPacket, speak } from '../../_support/audio.ts';
import { WsClient } from '../../_support/ws-client.ts';
import { type AudioScene, joinWithAudio, letGo, press, sayMarker, untilHeard } from './scene.ts';

const relayMedia = { kind: 'relay', codec: 'opus', sampleRateHz: 48_000, channels: 1, maxPacketBytes: 1_275 };

/** What is forwarded, and that nothing else is. */
export function testPassing(scene: () => AudioScene): void {
  test('who joins with audio is told so, and everybody else is not', async () => {
    const { groupId, alice, bob } = await scene().trio();
    const joined = await joinWithAudio(alice.client, groupId);
    expect(joined['media']).toEqual(relayMedia);
    const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(granted['media']).toEqual(relayMedia);
    await letGo(alice.client, groupId);
    const without = await bob.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    expect(without['media']).toMatchObject({ kind: scene().kind });
  });

  test('a queued asker is told so too, when it is his turn', async () => {
    const { groupId, alice, carol } = await scene().trio();
    await press(alice.client, groupId);
    await carol.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    await letGo(alice.client, groupId);
    const granted = await carol.client.waitForType('TALK_GRANTED', { groupId });
    expect(granted['media']).toEqual(relayMedia);
    sendPacket(carol.client, Number(granted['streamId']), 0);
    await untilHeard(alice.client, Number(granted['streamId']), 0);
  });

  test('1 000 packets at 50/s reach all listeners, as they are and in their order, and never their talker', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const silent = await scene().person(scene().there, 'bob');
    await silent.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const streamId = await press(alice.client, groupId);
    await speak(alice.client, { streamId, count: 1_000, everyMs: 20, opusBytes: 61 });
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 999);
      expect(numbersOf(client, streamId)).toEqual(numbers(0, 1_000));
      expect(packetsOf(client).every(({ number, opus }) => opus.equals(Buffer.alloc(61, number % 256)))).toBe(true);
    }
    await letGo(alice.client, groupId);
    await silent.client.waitForType('TALK_ENDED', { groupId });
    expect(alice.client.binary).toEqual([]);
    expect(silent.client.binary).toEqual([]);
  }, 120_000);

  test('packets of every length that the contract has pass', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    const lengths = [1, 3, 116, 117, 118, 160, 1_000, 1_275];
    for (const [number, length] of lengths.entries()) sendPacket(alice.client, streamId, number, length);
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, lengths.length - 1);
      expect(packetsOf(client).map(({ opus }) => opus.length)).toEqual(lengths);
    }
  });

  test('a late entrant hears the rest', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const late = await scene().person(scene().there, 'bob');
    const streamId = await press(alice.client, groupId);
    const speaking = speak(alice.client, { streamId, count: 150, everyMs: 20 });
    await untilHeard(bob.client, streamId, 20);
    const joined = await joinWithAudio(late.client, groupId);
    expect(joined['floor']).toMatchObject({ state: 'taken', streamId });
    await speaking;
    for (const { client } of [bob, carol, late]) await untilHeard(client, streamId, 149);
    const heard = numbersOf(late.client, streamId);
    expect(heard).toEqual(numbers(heard[0] ?? 0, heard.length));
    expect(heard.length).toBeGreaterThan(30);
    expect(heard.length).toBeLessThan(150);
  });

  test('nothing passes before the grant, of another stream, from another connection, or after the end', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(bob.client, groupId);
    await letGo(bob.client, groupId);
    const next = await press(alice.client, groupId);
    for (const stranger of [bob.client, carol.client]) {
      sendPacket(stranger, next, 90);
      sendPacket(stranger, streamId, 91);
      await stranger.settled();
    }
    for (const wrong of [streamId, next + 1, next - 1, 0, 2 ** 32 - 1]) sendPacket(alice.client, wrong, 92);
    sendPacket(alice.client, next, 0);
    await letGo(alice.client, groupId);
    sendPacket(alice.client, next, 93);
    await alice.client.settled();
    await sayMarker(carol.client, [alice.client, bob.client], groupId);
    await sayMarker(alice.client, [bob.client, carol.client], groupId);
    const bad = [alice, bob, carol].flatMap(({ client }) => packetsOf(client).filter(({ number }) => number >= 90));
    expect(bad).toEqual([]);
    expect(numbersOf(carol.client, next)).toEqual([0]);
    for (const { client } of [alice, bob, carol]) expect(client.messages('ERROR')).toEqual([]);
  });

  test('who may only listen hears, and is never heard', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const admin = await scene().here.rest.login('admin');
    const { rest } = scene().here;
    await rest.putMember(admin.accessToken, groupId, carol.tokens.user.id, { talk: 'listen_only' });
    await carol.client.waitForType('GROUP_UPDATED', { groupId });
    expect(await carol.client.request('REQUEST_TALK', { groupId })).toMatchObject({ cause: 'listen_only' });
    const streamId = await press(alice.client, groupId);
    sendPacket(carol.client, streamId, 90);
    await carol.client.settled();
    sendPacket(alice.client, streamId, 0);
    for (const { client } of [bob, carol]) await untilHeard(client, streamId, 0);
    expect(packetsOf(bob.client).map(({ number }) => number)).toEqual([0]);
  });

  test('who is pre-empted in the middle is not heard from the moment of the next grant', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(bob.client, groupId);
    const speaking = speak(bob.client, { streamId, count: 100, everyMs: 10 });
    await untilHeard(alice.client, streamId, 10);
    const emergency = await press(carol.client, groupId, { emergency: true });
    await bob.client.waitForType('TALK_REVOKED', { groupId });
    sendPacket(bob.client, streamId, 5_000);
    await speaking;
    await bob.client.settled();
    sendPacket(carol.client, emergency, 0);
    for (const { client } of [alice, bob]) await untilHeard(client, emergency, 0);
    await letGo(carol.client, groupId);
    await sayMarker(bob.client, [alice.client, carol.client], groupId);
    expect(packetsOf(alice.client).filter(({ number }) => number === 5_000)).toEqual([]);
    // What was on its way when the floor changed may still come; it is little.
    const order = packetsOf(alice.client).map((packet) => packet.streamId);
    expect(order.slice(order.indexOf(emergency)).filter((each) => each === streamId).length).toBeLessThan(10);
  });

  test('a talker who comes back on another socket goes on, and his old packets do not', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    sendPacket(alice.client, streamId, 0);
    await untilHeard(carol.client, streamId, 0);
    const again = await WsClient.signIn(scene().there.origin, alice.tokens.accessToken);
    scene().keep(again);
    await alice.client.closed();
    const joined = await joinWithAudio(again, groupId);
    expect(joined['floor']).toMatchObject({ state: 'taken', mine: true, streamId });
    sendPacket(again, streamId, 1);
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 1);
      expect(numbersOf(client, streamId)).toEqual([0, 1]);
    }
    expect(again.binary).toEqual([]);
  });

  test('joining again without audio switches it off, and with audio on', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    for (const { client } of [bob, carol]) await client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const witness = await scene().person(scene().there, 'bob');
    await joinWithAudio(witness.client, groupId);
    await sayMarker(alice.client, [witness.client], groupId);
    expect([bob, carol].flatMap(({ client }) => client.binary)).toEqual([]);
    for (const { client } of [bob, carol]) await joinWithAudio(client, groupId);
    await sayMarker(alice.client, [bob.client, carol.client, witness.client], groupId);
  });

  test('who has left the group hears nothing of it', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    await bob.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
    await sayMarker(alice.client, [carol.client], groupId);
    await bob.client.settled();
    expect(bob.client.binary).toEqual([]);
  });

  test('the bytes after the header are passed as they are, whatever they are', async () => {
    const { groupId, alice, bob, carol } = await scene().trio();
    const streamId = await press(alice.client, groupId);
    const opus = Buffer.from([0, 0xff, 0x80, 0xc3, 0x28, 0, 1]);
    alice.client.sendRaw(packetBytes({ streamId, number: 2 ** 32 - 1, opus }));
    for (const { client } of [bob, carol]) {
      await untilHeard(client, streamId, 2 ** 32 - 1);
      expect(packetsOf(client)).toEqual([{ streamId, number: 2 ** 32 - 1, opus }]);
    }
  });
}
