import { expect, test } from 'vitest';
import { BUSY_MS } from '../../_support/busy.ts';
import type { ServerMessage } from '../../_support/wire.ts';
import { newGroup, type TalkScene } from './scene.ts';

/** Limits, the queue, and rights that are taken away. */
export function testRights(scene: () => TalkScene): void {
  test('the longest talk ends too_long, its talker is told first and waits', async () => {
    const { groupId, alice, bob } = await scene().pair({ maxTalkMs: 1_000, cooldownMs: 20_000 });
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const ended = await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + 2 * BUSY_MS });
    expect(ended['cause']).toBe('too_long');
    const revoked = await alice.client.waitForType('TALK_REVOKED', { groupId });
    expect(revoked).toMatchObject({ cause: 'too_long', retryAfterMs: 20_000 });
    await alice.client.waitForType('TALK_ENDED', { groupId });
    const order = alice.client
      .messages()
      .filter((message) => message.groupId === groupId)
      .map(({ type }) => type);
    expect(order.indexOf('TALK_REVOKED')).toBeLessThan(order.indexOf('TALK_ENDED'));
    const denied = await alice.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId });
    expect(denied).toMatchObject({ cause: 'cooldown' });
  });

  test('the manager cuts a talker off, a member may not', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const carol = await scene().person(scene().there, 'carol');
    expect(await carol.client.request('REVOKE_TALK', { groupId })).toMatchObject({
      type: 'ERROR',
      code: 'forbidden',
    });
    expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({
      revoked: true,
    });
    expect(await bob.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({
      cause: 'revoked',
      retryAfterMs: 0,
    });
    expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'revoked' });
    expect(await alice.client.expect('TALK_REVOKE_DONE', 'REVOKE_TALK', { groupId })).toMatchObject({
      revoked: false,
    });
  });

  test('a queued asker is granted when the talk ends, and told his place', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const carol = await scene().person(scene().there, 'carol');
    await carol.client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId });
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    expect(await bob.client.request('REQUEST_TALK', { groupId, queue: true })).toMatchObject({
      type: 'TALK_QUEUED',
      position: 1,
    });
    expect(await carol.client.request('REQUEST_TALK', { groupId, queue: true })).toMatchObject({
      type: 'TALK_QUEUED',
      position: 2,
    });
    await alice.client.expect('TALK_RELEASED', 'RELEASE_TALK', { groupId });
    const granted = await bob.client.waitForType('TALK_GRANTED', { groupId });
    expect(granted.re).toBeUndefined();
    const moved = await carol.client.waitFor((message) => message.type === 'TALK_QUEUED' && message['position'] === 1);
    expect(moved.re).toBeUndefined();
    expect(await alice.client.waitForType('TALK_STARTED', { groupId })).toMatchObject({
      talkId: granted['talkId'],
      speaker: { userId: bob.tokens.user.id },
    });
  });

  test('an emergency takes the floor with no third party between', async () => {
    const { groupId, alice, bob } = await scene().pair();
    const first = await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const second = await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId, emergency: true });
    expect(second['seq']).toBe(Number(first['seq']) + 2);
    expect(await alice.client.waitForType('TALK_REVOKED', { groupId })).toMatchObject({ cause: 'preempted' });
    expect(await alice.client.waitForType('TALK_STARTED', { groupId })).toMatchObject({ emergency: true });
  });

  test('groups that one is not in, and groups that do not exist, look alike', async () => {
    const groupId = await newGroup(scene().here);
    const { client } = await scene().person(scene().there, 'admin');
    const unknown = '01890000-0000-7000-8000-000000000000';
    const answers = [
      await client.request('JOIN_GROUP', { groupId }),
      await client.request('JOIN_GROUP', { groupId: unknown }),
      await client.request('REQUEST_TALK', { groupId: unknown }),
    ];
    for (const answer of answers) expect(answer).toMatchObject({ type: 'ERROR', code: 'not_found' });
    expect(answers[0]?.['message']).toBe(answers[1]?.['message']);
    expect(await client.request('REVOKE_TALK', { groupId })).toMatchObject({
      type: 'TALK_REVOKE_DONE',
      revoked: false,
    });
    expect(await client.request('REVOKE_TALK', { groupId: unknown })).toMatchObject({
      type: 'ERROR',
      code: 'not_found',
    });
  });

  test('of a hundred presses at once exactly one is granted, and all are answered', async () => {
    const groupId = await newGroup(scene().here);
    const crowd = await Promise.all(
      Array.from({ length: 24 }, (_, index) =>
        scene().person(index % 2 ? scene().here : scene().there, ['alice', 'bob', 'carol'][index % 3] ?? ''),
      ),
    );
    await Promise.all(crowd.map(({ client }) => client.expect('GROUP_JOINED', 'JOIN_GROUP', { groupId })));
    const answers = await Promise.all(crowd.map(({ client }) => client.request('REQUEST_TALK', { groupId })));
    expect(answers.filter(({ type }) => type === 'TALK_GRANTED')).toHaveLength(1);
    expect(answers.filter((answer) => answer.type === 'TALK_DENIED' && answer['cause'] === 'busy')).toHaveLength(23);
  });

  test('a session that ends loses its socket and its talk', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await scene().here.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: alice.tokens.accessToken });
    expect((await alice.client.closed(2_000 + BUSY_MS)).code).toBe(4503);
    expect(await bob.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
  });

  test('a removed member loses his talk and the group; the others are told of the end', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const admin = await scene().here.rest.login('admin');
    const path = `/api/v1/admin/groups/${groupId}/members/${bob.tokens.user.id}`;
    await scene().here.rest.expect(204, 'DELETE', path, { token: admin.accessToken });
    expect(await bob.client.waitForType('GROUP_REMOVED', { groupId, limitMs: 2_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
    expect(await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
    expect(await bob.client.request('JOIN_GROUP', { groupId })).toMatchObject({ type: 'ERROR', code: 'not_found' });
    expect(bob.client.messages('TALK_ENDED')).toEqual([]);
  });

  test('who may only listen from now on loses his talk and stays', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    const admin = await scene().here.rest.login('admin');
    await scene().here.rest.putMember(admin.accessToken, groupId, bob.tokens.user.id, { talk: 'listen_only' });
    expect(await bob.client.waitForType('TALK_REVOKED', { groupId, limitMs: 2_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
    expect(await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 2_000 + BUSY_MS })).toMatchObject({
      cause: 'removed',
    });
    const updated = await bob.client.waitFor(
      (message) => message.type === 'GROUP_UPDATED' && message.groupId === groupId,
    );
    expect(updated['me']).toEqual({ role: 'member', talk: 'listen_only' });
    expect(await bob.client.expect('TALK_DENIED', 'REQUEST_TALK', { groupId })).toMatchObject({
      cause: 'listen_only',
    });
    await scene().here.rest.putMember(admin.accessToken, groupId, bob.tokens.user.id, { talk: 'allowed' });
    const allowed = (message: ServerMessage): boolean =>
      message.type === 'GROUP_UPDATED' && JSON.stringify(message['me']).includes('allowed');
    await bob.client.waitFor(allowed);
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
  });

  test("a deleted group's members hear the end of its talk, then that the group is gone", async () => {
    const { groupId, alice, bob } = await scene().pair();
    await alice.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await bob.client.waitForType('TALK_STARTED', { groupId });
    await bob.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    const marks = [alice, bob].map(({ client }) => client.mark());
    const admin = await scene().here.rest.login('admin');
    await scene().here.rest.expect(204, 'DELETE', `/api/v1/admin/groups/${groupId}`, { token: admin.accessToken });
    for (const { client } of [alice, bob]) {
      const removed = await client.waitForType('GROUP_REMOVED', { groupId, limitMs: 2_000 + BUSY_MS });
      expect(removed['cause']).toBe('group_deleted');
    }
    for (const [index, { client }] of [alice, bob].entries()) {
      await client.settled();
      const news = client.messages(undefined, marks[index]).filter((message) => message.groupId === groupId);
      // Where one process is quicker than the other, its members are seen to go.
      const types = news.map(({ type }) => type).filter((type) => type !== 'PRESENCE_CHANGED');
      expect(types).toEqual(['TALK_ENDED', 'GROUP_REMOVED']);
    }
    expect(await bob.client.waitForType('TALK_ENDED', { groupId })).toMatchObject({ cause: 'removed' });
  });

  test.for([
    [
      'removed from the group',
      'DELETE',
      (groupId: string, userId: string) => `/api/v1/admin/groups/${groupId}/members/${userId}`,
      undefined,
    ],
    [
      'allowed only to listen',
      'PUT',
      (groupId: string, userId: string) => `/api/v1/admin/groups/${groupId}/members/${userId}`,
      { talk: 'listen_only' },
    ],
  ] as const)('a talker who is %s while his socket is gone has lost his talk', async ([, method, path, body]) => {
    const { groupId, alice, bob } = await scene().pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.waitForType('TALK_STARTED', { groupId });
    const admin = await scene().here.rest.login('admin');
    bob.client.terminate();
    await alice.client.waitFor(
      (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message['left']).includes(bob.tokens.user.id),
    );
    const answer = await scene().here.rest.request(method, path(groupId, bob.tokens.user.id), {
      token: admin.accessToken,
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.status).toBeLessThan(300);
    const ended = await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + BUSY_MS });
    expect(ended['cause']).toBe('removed');
  });

  test('a session that ends while its socket is gone has lost its talk, and the next waiter has the floor', async () => {
    const { groupId, alice, bob } = await scene().pair();
    await bob.client.expect('TALK_GRANTED', 'REQUEST_TALK', { groupId });
    await alice.client.expect('TALK_QUEUED', 'REQUEST_TALK', { groupId, queue: true });
    bob.client.terminate();
    await alice.client.waitFor(
      (message) => message.type === 'PRESENCE_CHANGED' && JSON.stringify(message['left']).includes(bob.tokens.user.id),
    );
    await scene().here.rest.expect(204, 'POST', '/api/v1/auth/logout', { token: bob.tokens.accessToken });
    const ended = await alice.client.waitForType('TALK_ENDED', { groupId, limitMs: 1_000 + BUSY_MS });
    expect(ended['cause']).toBe('removed');
    await alice.client.waitForType('TALK_GRANTED', { groupId });
  });
}
