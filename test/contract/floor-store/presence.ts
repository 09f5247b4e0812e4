import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import { EVENT_LOG_LENGTH } from '../../../src/realtime/floor/index.ts';
import { envelopes, expectStatus, joinOf, kinds, person, press, ofMember, type Scene } from './scene.ts';

export function describePresence(scene: Scene): void {
  describe('presence and late entry', () => {
    test('a join is announced once to all, with who came and how many there are', async () => {
      const { harness, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await scene.untilPresent(2);
      const changes = envelopes(heard).flatMap((each) => (each.kind === 'presence' ? [each.bytes] : []));
      expect(JSON.parse(changes.at(-1) ?? '')).toMatchObject({
        type: 'PRESENCE_CHANGED',
        groupId,
        left: [],
        presenceCount: 2,
      });
      expect(changes.flatMap(joinedIn)).toEqual([
        { userId: alice.userId, displayName: 'Alice', role: 'member' },
        { userId: bob.userId, displayName: 'Bob', role: 'member' },
      ]);
      expect([...(await harness.presence(groupId))].toSorted()).toEqual([alice.userId, bob.userId].toSorted());
    });

    test('a user with two devices leaves once, when the last is gone', async () => {
      const { harness, here, there, groupId, heard } = scene;
      const [alice] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      await there.store.join(joinOf(groupId, tablet));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'closed' });
      expect(await harness.presence(groupId)).toContain(alice.userId);
      await there.store.leave({ groupId, ...ofMember(tablet), how: 'closed' });
      expect(await harness.presence(groupId)).not.toContain(alice.userId);
      await scene.settleUntil(here.store, () =>
        envelopes(heard).some(
          (each) => each.kind === 'presence' && each.bytes.includes(`"left":[{"userId":"${alice.userId}"}]`),
        ),
      );
    });

    test('a late entrant sees who talks', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const input = press(groupId, alice);
      await here.store.request(input);
      const late = await there.store.join(joinOf(groupId, person('Late')));
      expect(late.talk).toMatchObject({
        talkId: input.talkId,
        streamId: 7,
        speaker: { userId: alice.userId, displayName: 'Alice' },
        sessionId: alice.sessionId,
        emergency: false,
      });
      expect(late.presenceCount).toBe(3);
    });

    test('a replaced socket keeps presence for the grace, and a return in it changes nothing', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await scene.untilPresent(2);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'replaced' });
      expect(await harness.presence(groupId)).toContain(alice.userId);
      await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
      await here.store.leave({ groupId, ...ofMember(bob), how: 'replaced' });
      await scene.settleUntil(here.store, async () => !(await harness.presence(groupId)).includes(bob.userId));
      expect(await harness.presence(groupId)).toContain(alice.userId);
    });

    test('a process learns that the store does not know all of its members, whoever joined meanwhile', async () => {
      const { here, groupId, processes } = scene;
      const [alice] = await scene.pair();
      const mine = processes === 1 ? 2 : 1;
      const knows = async (members: number): Promise<boolean> =>
        (await here.store.renew({ groupId, honouredTalkIds: [], members })).known;
      expect(await knows(mine)).toBe(true);
      expect(await knows(mine + 1)).toBe(false);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'replaced' });
      expect(await knows(mine - 1)).toBe(true);
      const back = { ...alice, connectionId: uuid() };
      await here.store.join(joinOf(groupId, back));
      await here.store.join(joinOf(groupId, back));
      expect(await knows(mine)).toBe(true);
      await here.store.leave({ groupId, ...ofMember(back), how: 'closed' });
      expect(await knows(mine - 1)).toBe(true);
    });

    test('who only finds his place again does not take it from a newer connection of the session', async () => {
      const { here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const newer = { ...alice, connectionId: uuid() };
      await there.store.join(joinOf(groupId, newer));
      await here.store.join({ ...joinOf(groupId, alice), again: true });
      expectStatus(await here.store.request(press(groupId, alice)), 'not_joined');
      expectStatus(await there.store.request(press(groupId, newer)), 'granted');
    });

    test('a process that stops renewing takes its members with it', async () => {
      const { harness, here, there, groupId, processes } = scene;
      const [alice, bob] = await scene.pair();
      for (let passedMs = 0; passedMs < scene.timings.leaseMs; passedMs += scene.timings.renewMs) {
        const members = processes === 1 ? 2 : 1;
        expect((await there.store.renew({ groupId, honouredTalkIds: [], members })).known).toBe(true);
        expect(await harness.presence(groupId)).toContain(alice.userId);
        await scene.pass(scene.timings.renewMs);
      }
      await there.store.renew({ groupId, honouredTalkIds: [], members: processes === 1 ? 2 : 1 });
      expect((await harness.presence(groupId)).includes(alice.userId)).toBe(processes === 1);
      expect(await harness.presence(groupId)).toContain(bob.userId);
      if (processes === 2)
        expect((await here.store.renew({ groupId, honouredTalkIds: [], members: 1 })).known).toBe(false);
    });

    test('since gives exactly the events missed, or none when the log does not reach back', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await scene.untilPresent(2);
      const before = await here.store.snapshot({ groupId, since: null });
      await here.store.request(press(groupId, alice));
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      const position = { epoch: before.epoch, seq: before.seq };
      const back = await there.store.join(joinOf(groupId, { ...bob, connectionId: uuid() }, position));
      expect(kinds(back.missed ?? [])).toEqual(['started', 'ended released']);
      expect((await here.store.snapshot({ groupId, since: { ...position, seq: back.seq } })).missed).toEqual([]);
      for (const since of [
        { epoch: before.epoch - 1, seq: before.seq },
        { epoch: before.epoch, seq: back.seq + 1 },
      ]) {
        expect((await here.store.snapshot({ groupId, since })).missed).toBeNull();
      }
    });

    test('a member who joins again under another role is shown with it', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      const joined = await here.store.join(joinOf(groupId, { ...alice, role: 'group_manager' }));
      expect(joined.presence).toContain(
        JSON.stringify({ userId: alice.userId, displayName: 'Alice', role: 'group_manager' }),
      );
      expect(joined.presenceCount).toBe(2);
    });

    test('who joins again under another name is announced once more, with that name alone', async () => {
      const { here, there, groupId, heard } = scene;
      const [alice, bob] = await scene.pair();
      await scene.untilPresent(2);
      const before = envelopes(heard).length;
      const later = () => envelopes(heard).slice(before);
      await here.store.join(joinOf(groupId, alice));
      await there.store.join(joinOf(groupId, person('Robert', { userId: bob.userId })));
      await scene.settleUntil(here.store, () => later().length > 0);
      await here.store.join({ ...joinOf(groupId, { ...alice, displayName: 'Alicia' }), again: true });
      await scene.settleUntil(here.store, () => later().length > 1);
      expect(later().flatMap((each) => (each.kind === 'presence' ? [joinedIn(each.bytes)] : []))).toEqual([
        [{ userId: bob.userId, displayName: 'Robert', role: 'member' }],
        [{ userId: alice.userId, displayName: 'Alicia', role: 'member' }],
      ]);
      expect((await here.store.snapshot({ groupId, since: null })).presenceCount).toBe(2);
    });

    test('a snapshot counts the sockets of all processes, without those that were replaced', async () => {
      const { here, there, groupId } = scene;
      const counted = async () => (await here.store.snapshot({ groupId, since: null })).connections;
      expect(await counted()).toBe(0);
      const [alice, bob] = await scene.pair();
      const tablet = person('Alice', { userId: alice.userId });
      expect((await there.store.join(joinOf(groupId, tablet))).connections).toBe(3);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'replaced' });
      expect(await counted()).toBe(2);
      await there.store.join(joinOf(groupId, { ...alice, connectionId: uuid() }));
      expect(await counted()).toBe(3);
      await there.store.leave({ groupId, ...ofMember(bob), how: 'closed' });
      await there.store.leave({ groupId, ...ofMember(tablet), how: 'left' });
      expect(await counted()).toBe(1);
    });

    test('a snapshot of a group that is not live does not make it live', async () => {
      const { here, groupId, harness } = scene;
      expect(await here.store.snapshot({ groupId, since: null })).toMatchObject({
        epoch: 0,
        talk: null,
        presence: [],
        connections: 0,
        dueInMs: null,
      });
      expect(await here.store.liveGroups()).not.toContain(groupId);
      expect(await harness.presence(groupId)).toEqual([]);
      expect(await scene.recordsOf(groupId)).toEqual([]);
    });

    test('the epoch of a group that closed and opened again is higher', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const first = await here.store.request(press(groupId, alice));
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
      await scene.settleUntil(here.store, async () => {
        const { epoch } = await here.store.snapshot({ groupId, since: null });
        return epoch === 0;
      });
      const again = await here.store.join(joinOf(groupId, alice));
      expect(again.epoch).toBeGreaterThan(first.epoch);
      expect(Math.floor(again.epoch / 2 ** 32)).toBe(1);
      expect(again.seq).toBe(0);
    });

    test('only groups with live state are listed', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      expect(await here.store.liveGroups()).toContain(groupId);
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
      await scene.settleUntil(here.store, async () => !(await here.store.liveGroups()).includes(groupId));
    });

    test('a log that does not reach back to the position gives none', async () => {
      const { here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      await scene.untilPresent(2);
      const { epoch, seq } = await here.store.snapshot({ groupId, since: null });
      for (let round = 0; round < EVENT_LOG_LENGTH / 2; round += 1) {
        await here.store.request(press(groupId, alice));
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      }
      const whole = await there.store.snapshot({ groupId, since: { epoch, seq } });
      expect(whole.missed).toHaveLength(EVENT_LOG_LENGTH);
      await there.store.request(press(groupId, bob));
      expect((await here.store.snapshot({ groupId, since: { epoch, seq } })).missed).toBeNull();
    });

    test('a group that everybody left closes after the linger and costs nothing', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice, bob] = await scene.pair();
      const first = await here.store.join(joinOf(groupId, alice));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      await here.store.join(joinOf(groupId, alice));
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      await there.store.leave({ groupId, ...ofMember(bob), how: 'left' });
      await scene.settleUntil(
        here.store,
        async () => (await here.store.snapshot({ groupId, since: null })).epoch === 0,
      );
      expect(await harness.presence(groupId)).toEqual([]);
      await expect
        .poll(async () => (await scene.recordsOf(groupId)).map(({ kind }) => kind))
        .toEqual(['opened', 'closed']);
      expect((await scene.recordsOf(groupId))[1]).toMatchObject({ participants: 2 });
      const second = await here.store.join(joinOf(groupId, alice));
      expect(second.voiceSessionId).not.toBe(first.voiceSessionId);
    });
  });
}

function joinedIn(bytes: string): unknown {
  const message: unknown = JSON.parse(bytes);
  return typeof message === 'object' && message !== null && 'joined' in message ? message.joined : [];
}
