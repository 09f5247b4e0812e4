import { expect, test } from 'vitest';
import { until } from '../../_support/until.ts';
import { WsClient } from '../../_support/ws-client.ts';
import { newGroup, talkEvents, type TalkScene } from './scene.ts';

/** Press, talk, release: who is told what, in which order. */
export function testTalking(scene: () => TalkScene): void {
  test('READY names the person, the session and the groups', async () => {
    const { tokens } = await scene().person(scene().here, 'bob');
    const client = await WsClient.connect(scene().here.origin);
    scene().keep(client);
    const ready = await client.hello({ token: tokens.accessToken });
    expect(ready).toMatchObject({
      user: { id: tokens.user.id, username: 'bob', role: 'user' },
      session: { id: tokens.session.id, userId: tokens.user.id },
      pingIntervalMs: 20_000,
    });
    expect(ready['groups']).toContainEqual(expect.objectContaining({ name: 'Team', role: 'member', talk: 'allowed' }));
  });

  test('press, talk, release: each side is told its part, with the same numbers', async () => {
    const { groupId, alice, bob, aliceJoined } = await scene().pair();
    expect(aliceJoined).toMatchObject({
      groupId,
      floor: { state: 'idle' },
      recovered: false,
      missed: [],
      media: { kind: scene().kind },
    });
    const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(granted).toMatchObject({ groupId, maxTalkMs: 60_000, remainingMs: 60_000, media: { kind: scene().kind } });
    const started = await bob.client.waitForType('TALK_STARTED', { groupId });
    expect(started).toMatchObject({
      epoch: granted['epoch'],
      seq: granted['seq'],
      talkId: granted['talkId'],
      streamId: granted['streamId'],
      speaker: { userId: alice.tokens.user.id, displayName: alice.tokens.user.displayName },
      emergency: false,
    });
    const denied = await bob.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId });
    expect(denied).toMatchObject({ cause: 'busy', holder: { userId: alice.tokens.user.id } });
    expect(await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: false });

    const released = await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', {
      groupId,
      talkId: granted['talkId'],
    });
    expect(released['released']).toBe(true);
    for (const { client } of [alice, bob]) {
      const ended = await client.waitForType('TALK_ENDED', { groupId });
      expect(ended).toMatchObject({ talkId: granted['talkId'], cause: 'released', seq: Number(granted['seq']) + 1 });
    }
    const order = alice.client.messages().map(({ type }) => type);
    expect(order.indexOf('TALK_RELEASED')).toBeLessThan(order.indexOf('TALK_ENDED'));
    expect(talkEvents(alice.client, groupId).map(({ type }) => type)).toEqual(['TALK_GRANTED', 'TALK_ENDED']);

    const next = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(next['seq']).toBe(Number(granted['seq']) + 2);
  });

  test('a late entrant sees who talks, and that it is not he', async () => {
    const { groupId, alice } = await scene().pair();
    const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const carol = await scene().person(scene().there, 'carol');
    const joined = await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    expect(joined['floor']).toMatchObject({
      state: 'taken',
      talkId: granted['talkId'],
      streamId: granted['streamId'],
      speaker: { userId: alice.tokens.user.id },
      mine: false,
    });
    expect(joined['presenceCount']).toBe(3);
  });

  test('HELLO, JOIN and REQUEST in one flight are answered in one flight', async () => {
    const groupId = await newGroup(scene().here);
    const { tokens } = await scene().person(scene().here, 'carol');
    const client = await WsClient.connect(scene().there.origin, { token: tokens.accessToken });
    scene().keep(client);
    const hello = client.send('HELLO');
    const join = client.send('JOIN_GROUP', { groupId });
    const request = client.send('REQUEST_TALK', { groupId });
    expect(await client.answerTo(hello)).toMatchObject({ type: 'READY' });
    expect(await client.answerTo(join)).toMatchObject({ type: 'GROUP_JOINED' });
    expect(await client.answerTo(request)).toMatchObject({ type: 'TALK_GRANTED' });
  });

  test('a tap shorter than the round trip leaves nothing open', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const request = alice.client.send('REQUEST_TALK', { groupId });
    const release = alice.client.send('RELEASE_TALK', { groupId });
    expect(await alice.client.answerTo(request)).toMatchObject({ type: 'TALK_GRANTED' });
    expect(await alice.client.answerTo(release)).toMatchObject({ type: 'TALK_RELEASED', released: true });
    await bob.client.waitForType('TALK_ENDED', { groupId });
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
  });

  test('taps of every length leave the same picture with everybody', async () => {
    const { groupId, alice, bob } = await scene().pair();
    for (const roundTrips of [0, 1, 0, 2, 1, 0, 1, 2, 0, 1, 0, 0]) {
      const mark = bob.client.mark();
      const request = alice.client.send('REQUEST_TALK', { groupId });
      for (let trip = 0; trip < roundTrips; trip += 1) await alice.client.settled();
      const release = alice.client.send('RELEASE_TALK', { groupId });
      const granted = await alice.client.answerTo(request);
      expect(granted).toMatchObject({ type: 'TALK_GRANTED', maxTalkMs: 60_000 });
      expect(await alice.client.answerTo(release)).toMatchObject({ type: 'TALK_RELEASED', released: true });
      const started = await bob.client.waitForType('TALK_STARTED', { groupId, after: mark });
      expect(started).toMatchObject({ talkId: granted['talkId'], seq: granted['seq'] });
      const ended = await bob.client.waitForType('TALK_ENDED', { groupId, after: mark });
      await alice.client.waitFor((message) => message.type === 'TALK_ENDED' && message['seq'] === ended['seq']);
    }
    const types = talkEvents(alice.client, groupId).map(({ type }) => type);
    types.forEach((type, index) => expect(type).toBe(index % 2 ? 'TALK_ENDED' : 'TALK_GRANTED'));
  });

  test('asking again gives the same grant, never one for a talk that is over', async () => {
    const { groupId, alice } = await scene().pair();
    const asked = [1, 2, 3].map(() => alice.client.send('REQUEST_TALK', { groupId }));
    const answers = await Promise.all(asked.map((id) => alice.client.answerTo(id)));
    expect(new Set(answers.map((answer) => `${answer.type} ${answer.talkId}`)).size).toBe(1);
    expect(answers[0]?.type).toBe('TALK_GRANTED');
    const again = alice.client.send('REQUEST_TALK', { groupId });
    const release = alice.client.send('RELEASE_TALK', { groupId });
    await alice.client.answerTo(release);
    expect(await alice.client.answerTo(again)).toMatchObject({ type: 'TALK_GRANTED', talkId: answers[0]?.talkId });
    await alice.client.waitForType('TALK_ENDED', { groupId });
    const types = alice.client.messages().map(({ type }) => type);
    expect(types.lastIndexOf('TALK_GRANTED')).toBeLessThan(types.indexOf('TALK_ENDED'));
  });

  test('an emergency that is given up at once does not end the talk as if its sound had failed', async () => {
    for (let round = 0; round < 6; round += 1) {
      const { groupId, alice, bob } = await scene().pair();
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      bob.client.send('REQUEST_TALK', { groupId, emergency: true });
      await bob.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
      await alice.client.request('RELEASE_TALK', { groupId });
      const ended = await alice.client.waitForType('TALK_ENDED', { groupId });
      expect(['released', 'preempted']).toContain(ended['cause']);
    }
  });

  test('joining again in the middle of things loses no event and repeats none', async () => {
    const { groupId, alice, bob } = await scene().pair();
    for (let round = 0; round < 8; round += 1) {
      await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      const request = bob.client.send('REQUEST_TALK', { groupId, emergency: true });
      const joins = Array.from({ length: 12 }, () => 0).map(() => bob.client.send('JOIN_GROUP', { groupId }));
      for (const id of [request, ...joins]) await bob.client.answerTo(id);
      await bob.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
      await alice.client.settled();
    }
    const numbers = bob.client
      .messages()
      .filter((message) => message.groupId === groupId && message['seq'] !== undefined)
      .map((message) => ({ isSnapshot: message.type === 'GROUP_JOINED', seq: Number(message['seq']) }));
    let last = numbers[0]?.seq ?? 0;
    for (const { isSnapshot, seq } of numbers.slice(1)) {
      expect(seq, JSON.stringify(numbers)).toBe(isSnapshot ? last : last + 1);
      last = seq;
    }
  });

  test('everybody sees the numbers of a group grow by one', async () => {
    const { groupId, alice, bob } = await scene().pair();
    for (const { client } of [alice, bob, alice]) {
      await client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
      await client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    }
    const last = await until(() => talkEvents(alice.client, groupId)[5], {
      limitMs: 15_000,
      describe: () => alice.client.describe(),
    });
    await bob.client.waitFor((message) => message.groupId === groupId && message['seq'] === last['seq']);
    for (const { client } of [alice, bob]) {
      const seqs = client
        .messages()
        .filter((message) => message.groupId === groupId && message['seq'] !== undefined)
        .map((message) => Number(message['seq']));
      const first = seqs[0] ?? 0;
      expect(seqs).toEqual(seqs.map((_, index) => first + index));
    }
  });
}
