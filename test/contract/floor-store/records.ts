import { v7 as uuid } from 'uuid';
import { describe, expect, test } from 'vitest';
import type { HistoryEntry } from '../../../src/realtime/floor/index.ts';
import { envelopes, expectStatus, joinOf, ofMember, person, press, type Scene, withoutPresence } from './scene.ts';

export function describeRecords(scene: Scene): void {
  describe('records and numbers', () => {
    test('each ended talk is in the history stream once, with its voice session, times and cause', async () => {
      const { here, groupId } = scene;
      const [alice] = await scene.pair();
      const joined = await here.store.join(joinOf(groupId, alice));
      const input = press(groupId, alice);
      await here.store.request(input);
      await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      await expect
        .poll(async () => (await scene.recordsOf(groupId)).map(({ kind }) => kind))
        .toEqual(['opened', 'talk']);
      const [opened, talk] = await scene.recordsOf(groupId);
      expect(opened).toMatchObject({ kind: 'opened', voiceSessionId: joined.voiceSessionId });
      expect(talk).toEqual({
        kind: 'talk',
        talkId: input.talkId,
        voiceSessionId: joined.voiceSessionId,
        userId: alice.userId,
        speaker: { userId: alice.userId, displayName: 'Alice' },
        emergency: false,
        startMs: expect.any(Number),
        endMs: expect.any(Number),
        cause: 'released',
        participants: 2,
      });
      if (talk?.kind !== 'talk') throw new Error('No talk was noted');
      expect(Math.abs(talk.startMs - Date.now())).toBeLessThan(10_000);
      expect(talk.endMs).toBeGreaterThanOrEqual(talk.startMs);
    });

    test('a record stays until it is confirmed, and is given to whoever looks', async () => {
      const { harness, here, groupId } = scene;
      const alice = person('Alice');
      async function talkOnce(): Promise<void> {
        await here.store.join(joinOf(groupId, alice));
        expectStatus(await here.store.request(press(groupId, alice)), 'granted');
        await here.store.release({ groupId, ...ofMember(alice), talkId: null });
      }
      async function talks(): Promise<readonly HistoryEntry[]> {
        return (await scene.entriesOf(groupId)).filter(({ record }) => record.kind === 'talk');
      }
      await talkOnce();
      await talkOnce();
      await expect.poll(async () => (await talks()).length).toBe(2);
      const both = await talks();
      expect(await talks()).toEqual(both);
      await harness.history.confirm(both.slice(0, 1));
      expect(await talks()).toEqual(both.slice(1));
      await harness.history.confirm(await scene.entriesOf(groupId));
      expect(await talks()).toEqual([]);
      await talkOnce();
      await expect.poll(async () => (await talks()).length).toBe(1);
      await harness.history.confirm(both);
      expect(await talks()).toHaveLength(1);
      expect(await harness.history.pending(0)).toEqual([]);
    });

    test('how groups stand is told in their order: voice session, who took part so far, and what is left to store', async () => {
      const { harness, here, there, groupId } = scene;
      const [alice] = await scene.pair();
      const { voiceSessionId } = await here.store.join(joinOf(groupId, alice));
      await there.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      const [other, life] = await harness.history.lives([uuid(), groupId]);
      expect(other).toMatchObject({ voiceSessionId: null, participants: 0, hasPending: false });
      expect(life).toMatchObject({ voiceSessionId, participants: 2, hasPending: true });
      expect(Math.abs((life?.nowMs ?? 0) - Date.now())).toBeLessThan(60_000);
      await harness.history.confirm(await scene.entriesOf(groupId));
      expect(await harness.history.lives([groupId])).toMatchObject([{ voiceSessionId, hasPending: false }]);
    });

    test('a group that has closed is not live, with its end left to store', async () => {
      const { harness, here, groupId } = scene;
      const [alice] = await scene.present('Alice');
      if (alice === undefined) throw new Error('Nobody is present');
      await here.store.leave({ groupId, ...ofMember(alice), how: 'left' });
      const closed = async () => (await scene.recordsOf(groupId)).some(({ kind }) => kind === 'closed');
      await scene.settleUntil(here.store, closed);
      expect(await harness.history.lives([groupId])).toMatchObject([{ voiceSessionId: null, hasPending: true }]);
      await harness.history.confirm(await scene.entriesOf(groupId));
      expect(await harness.history.lives([groupId])).toMatchObject([{ voiceSessionId: null, hasPending: false }]);
    });

    test('talks that an earlier life of the store lost are noted, and their voice session may go on', async () => {
      const { harness, groupId } = scene;
      const bob = person('Bob');
      const speaker = { userId: bob.userId, displayName: 'Bob "the \u{1F3A4}"' };
      const [talkId, voiceSessionId] = [uuid(), uuid()];
      const times = { startedAgoMs: 9_500, endedAgoMs: 4_000 };
      const beforeMs = Date.now();
      await harness.history.note([
        { groupId, voiceSessionId, talkId, speaker, emergency: true, cause: 'expired', ...times },
      ]);
      const afterMs = Date.now();
      const [talk, ...others] = await scene.recordsOf(groupId);
      expect(talk).toMatchObject({ kind: 'talk', talkId, voiceSessionId, userId: bob.userId, speaker });
      expect(talk).toMatchObject({ emergency: true, cause: 'expired' });
      if (talk?.kind !== 'talk') throw new Error('No talk was noted');
      expect(talk.endMs - talk.startMs).toBe(5_500);
      expect(talk.endMs).toBeGreaterThanOrEqual(beforeMs - 4_001);
      expect(talk.endMs).toBeLessThanOrEqual(afterMs - 3_999);
      expect(others).toEqual([]);
      await harness.history.confirm(await scene.entriesOf(groupId));
      expect(await scene.entriesOf(groupId)).toEqual([]);
    });

    test('numbers grow by one, and starts and ends alternate, under many askers', async () => {
      const { here, there, groupId, heard } = scene;
      const members = await scene.present(...Array.from({ length: 6 }, (_, index) => `Member ${index}`));
      await Promise.all(
        members.map(async (member, index) => {
          const { store } = index % 2 ? here : there;
          for (let round = 0; round < 10; round += 1) {
            const outcome = await store.request(press(groupId, member));
            if (outcome.status === 'granted') await store.release({ groupId, ...ofMember(member), talkId: null });
          }
        }),
      );
      const last = await here.store.snapshot({ groupId, since: null });
      await expect.poll(() => envelopes(heard).at(-1)).toMatchObject({ seq: last.seq });
      const numbered = envelopes(heard).filter((each) => 'seq' in each);
      expect(numbered.map((each) => each.seq)).toEqual(numbered.map((_, index) => index + 1));
      const talks = withoutPresence(heard);
      expect(talks.length).toBeGreaterThan(0);
      talks.forEach((kind, index) => expect(kind).toBe(index % 2 ? 'ended released' : 'started'));
    });
  });
}
