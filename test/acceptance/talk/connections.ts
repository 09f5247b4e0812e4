import { expect, test } from 'vitest';
import { BUSY_MS } from '../../_support/busy.ts';
import type { ServerMessage } from '../../_support/wire.ts';
import { WsClient } from '../../_support/ws-client.ts';
import type { TalkScene } from './scene.ts';

/** Sockets that come, go and come back. */
export function testConnections(scene: () => TalkScene): void {
  test('presence is announced to all, and ends with the socket', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const carol = await scene().person(scene().there, 'carol');
    await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    const names = (message: ServerMessage, field: string, userId: string): boolean =>
      message.type === 'PRESENCE_CHANGED' &&
      message.groupId === groupId &&
      JSON.stringify(message[field]).includes(userId);
    await alice.client.waitFor((message) => names(message, 'joined', carol.tokens.user.id));
    carol.client.terminate();
    for (const { client } of [alice, bob]) {
      const left = await client.waitFor((message) => names(message, 'left', carol.tokens.user.id), {
        limitMs: 2_000 + BUSY_MS,
      });
      expect(left['presenceCount']).toBe(2);
    }
  });

  test('a lost socket frees the floor after the grace', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const lostAtMs = performance.now();
    alice.client.terminate();
    const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 4_000 + BUSY_MS });
    expect(ended['cause']).toBe('lost');
    expect(bob.client.timeOf(ended) - lostAtMs).toBeGreaterThan(1_900);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
  });

  test('back within the grace, on another process too, the talk goes on', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    // Open already, so that the grace is for what is said over it.
    const back = await WsClient.connect(scene().there.origin, { token: alice.tokens.accessToken });
    scene().keep(back);
    alice.client.terminate();
    await back.hello();
    const since = { epoch: granted['epoch'], seq: granted['seq'] };
    const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, since });
    expect(joined['recovered']).toBe(true);
    expect(joined['floor']).toMatchObject({ state: 'taken', talkId: granted['talkId'], mine: true });
    const again = await back.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(again).toMatchObject({ talkId: granted['talkId'], seq: granted['seq'], streamId: granted['streamId'] });
    expect(await back.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
    expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'released' });
  });

  test('what was missed comes with the next join, exactly', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const first = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.client.waitForType('TALK_STARTED', { groupId });
    bob.client.terminate();
    await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    const back = await WsClient.signIn(scene().here.origin, bob.tokens.accessToken);
    scene().keep(back);
    const since = { epoch: first['epoch'], seq: first['seq'] };
    const joined = await back.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId, since });
    expect(joined['recovered']).toBe(true);
    const missed = joined['missed'];
    if (!Array.isArray(missed)) throw new Error('missed is no list');
    expect(missed.filter((event) => event.type !== 'PRESENCE_CHANGED')).toEqual([
      expect.objectContaining({ type: 'TALK_ENDED', talkId: first['talkId'], cause: 'released' }),
    ]);
    const seqs = missed.map((event) => Number(event.seq));
    expect(seqs).toEqual(seqs.map((_, index) => Number(first['seq']) + 1 + index));
    expect(joined['seq']).toBe(seqs.at(-1));
  });

  test('a second socket of a session replaces the first and keeps the talk', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const granted = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.client.waitForType('TALK_STARTED', { groupId });
    const mark = bob.client.mark();
    const second = await WsClient.signIn(scene().there.origin, alice.tokens.accessToken);
    scene().keep(second);
    expect((await alice.client.closed()).code).toBe(4506);
    const joined = await second.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    expect(joined['floor']).toMatchObject({ talkId: granted['talkId'], mine: true });
    expect(await second.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId })).toMatchObject({ released: true });
    await bob.client.waitForType('TALK_ENDED', { groupId, after: mark });
    expect(bob.client.messages('PRESENCE_CHANGED', mark).filter((message) => message.groupId === groupId)).toEqual([]);
  });

  test('leaving ends the own talk at once, released', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
    expect(await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + BUSY_MS })).toMatchObject({
      cause: 'released',
    });
    expect(await alice.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId })).toMatchObject({
      cause: 'not_joined',
    });
    await alice.client.expect('GROUP_LEFT', 'LEAVE_GROUP', { groupId });
  });
}
