import { v7 as newId } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WsClient } from '../_support/ws-client.ts';
import { GatewayHarness, identity, membership } from './gateway-harness.ts';

let harness: GatewayHarness;
const team = newId();
const who = identity();
let client: WsClient;
let other: WsClient;

beforeEach(async () => {
  harness = await new GatewayHarness().start();
  client = await WsClient.signIn(harness.origin, harness.signIn(who, [membership(team)]));
  other = await WsClient.signIn(harness.origin, harness.signIn(identity(), [membership(team)]));
});
afterEach(async () => {
  await harness.stop();
});

describe('the end of a session', () => {
  it('closes its socket with 4503 and no other, after the live groups were told', async () => {
    const device = await WsClient.signIn(harness.origin, harness.signIn(identity(who.user.id)));
    await harness.publish('session.ended', { sessionId: who.session.id, userId: who.user.id });
    expect(await client.closed()).toEqual({ code: 4503, reason: 'session_revoked' });
    expect(harness.told).toEqual(['session_revoked true']);
    await device.settled();
    await other.settled();
  });

  it.each(['user.disabled', 'user.deleted'])('by %s closes all sockets of the user with 4504', async (type) => {
    const device = await WsClient.signIn(harness.origin, harness.signIn(identity(who.user.id)));
    await harness.publish(type, { userId: who.user.id });
    expect(await client.closed()).toEqual({ code: 4504, reason: 'user_disabled' });
    expect((await device.closed()).code).toBe(4504);
    await other.settled();
  });

  it('closes the socket also when the live groups fail', async () => {
    harness.listener.onRevoked = () => {
      throw new Error('no');
    };
    await harness.publish('session.ended', { sessionId: who.session.id });
    expect((await client.closed()).code).toBe(4503);
  });
});

describe('a change of membership', () => {
  it('that adds tells the member group and role', async () => {
    const added = membership(undefined, { role: 'group_manager' });
    harness.memberships.set(who.user.id, [membership(team), added]);
    await harness.publish('member.added', { groupId: added.group.id, userId: who.user.id });
    const update = await client.waitForType('GROUP_UPDATED');
    const { id, ...group } = added.group;
    expect(update).toEqual({
      type: 'GROUP_UPDATED',
      groupId: id,
      group,
      me: { role: 'group_manager', talk: 'allowed' },
    });
    expect(harness.told).toEqual([`added ${id} group_manager`]);
    await other.settled();
    expect(other.messages('GROUP_UPDATED')).toHaveLength(0);
  });

  it('of role or right tells only that, and once for an event that comes twice', async () => {
    harness.memberships.set(who.user.id, [membership(team, { talk: 'listen_only' })]);
    await harness.publish('member.changed', { groupId: team, userId: who.user.id });
    await harness.publish('member.changed', { groupId: team, userId: who.user.id });
    await client.settled();
    expect(client.messages('GROUP_UPDATED')).toEqual([
      { type: 'GROUP_UPDATED', groupId: team, me: { role: 'member', talk: 'listen_only' } },
    ]);
    const [connection] = harness.gateway.connectionsOf(who.user.id);
    expect(connection?.memberships.get(team)?.talk).toBe('listen_only');
  });

  it('that removes tells GROUP_REMOVED, after the live groups', async () => {
    const gate = Promise.withResolvers<void>();
    harness.listener.onMembershipChanged = () => gate.promise;
    harness.memberships.set(who.user.id, []);
    const published = harness.publish('member.removed', { groupId: team, userId: who.user.id });
    await client.settled();
    expect(client.messages('GROUP_REMOVED')).toHaveLength(0);
    gate.resolve();
    await published;
    expect(harness.gateway.connectionsOf(who.user.id)[0]?.memberships.has(team)).toBe(false);
    expect(await client.waitForType('GROUP_REMOVED')).toEqual({
      type: 'GROUP_REMOVED',
      groupId: team,
      cause: 'removed',
    });
  });

  it('during HELLO is in READY', async () => {
    const late = identity();
    const added = membership();
    const token = harness.signIn(late, []);
    harness.tokens.set(token, async () => late);
    const read = harness.memberships;
    const get = read.get.bind(read);
    let reads = 0;
    read.get = (userId) => {
      const known = get(userId);
      if (userId === late.user.id && (reads += 1) === 1) {
        read.set(userId, [added]);
        void harness.publish('member.added', { groupId: added.group.id, userId });
      }
      return known;
    };
    const ready = await (await WsClient.connect(harness.origin)).hello({ token });
    expect(ready['groups']).toMatchObject([{ id: added.group.id }]);
  });
});

describe('a change of a group', () => {
  it('tells every member its new name and settings', async () => {
    const renamed = membership(team).group;
    for (const [userId] of harness.memberships) {
      harness.memberships.set(userId, [membership(team, { group: { ...renamed, name: 'Crew' } })]);
    }
    await harness.publish('group.updated', { groupId: team, changed: ['name'] });
    for (const member of [client, other]) {
      expect(await member.waitForType('GROUP_UPDATED')).toMatchObject({ groupId: team, group: { name: 'Crew' } });
      expect(member.messages('GROUP_UPDATED')[0]).not.toHaveProperty('me');
    }
  });

  it('by its end tells every member', async () => {
    await harness.publish('group.deleted', { groupId: team, userIds: [who.user.id] });
    for (const member of [client, other]) {
      expect(await member.waitForType('GROUP_REMOVED')).toMatchObject({ groupId: team, cause: 'group_deleted' });
    }
    expect(harness.told).toHaveLength(2);
  });
});

it('a change of the user reaches his connections', async () => {
  await harness.publish('user.updated', { userId: who.user.id, role: 'admin', displayName: 'Alice B.' });
  const [connection] = harness.gateway.connectionsOf(who.user.id);
  expect(connection?.user).toMatchObject({ role: 'admin', displayName: 'Alice B.', username: 'alice' });
});

it('an event of another shape changes nothing', async () => {
  for (const payload of [null, 7, { groupId: 7 }, { sessionId: null }]) {
    for (const type of [
      'session.ended',
      'user.deleted',
      'member.removed',
      'group.deleted',
      'group.updated',
      'talk.finished',
    ]) {
      await harness.publish(type, payload);
    }
  }
  await client.settled();
  expect(harness.told).toEqual([]);
});
