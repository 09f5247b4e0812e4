import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TalkRecord } from '../../src/realtime/floor/index.ts';
import { BUSY_MS } from '../_support/busy.ts';
import { freePort } from '../_support/ports.ts';
import { until } from '../_support/until.ts';
import { type HistoryBench, openBench, sourceOf, startMs, talkOf } from './history-harness.ts';

let bench: HistoryBench;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

interface Session {
  readonly started: number;
  readonly ended: number | null;
  readonly talks: number;
  readonly talked: number;
  readonly people: number;
}

async function sessionsOf(groupId: string): Promise<Session[]> {
  return bench.sql<Session[]>`
    select extract(epoch from started_at)::float8 * 1000 as started, extract(epoch from ended_at)::float8 * 1000 as ended,
           talk_count as talks, talk_ms::int as talked, participant_count as people
    from group_voice_sessions where group_id = ${groupId} order by started_at`;
}

async function talkIdsOf(groupId: string): Promise<string[]> {
  const rows = await bench.sql<{ id: string }[]>`
    select talk_id as id from speaker_history where group_id = ${groupId} order by started_at, talk_id`;
  return rows.map(({ id }) => id);
}

async function finishedOf(groupId: string): Promise<unknown[]> {
  const rows = await bench.sql<{ payload: unknown }[]>`
    select payload from domain_event where type = 'talk.finished' and payload ->> 'groupId' = ${groupId}`;
  return rows.map(({ payload }) => payload);
}

async function rejectedOf(groupId: string): Promise<{ record: string; reason: string }[]> {
  return bench.sql<{ record: string; reason: string }[]>`
    select record, reason from history_rejected where group_id = ${groupId}`;
}

/** A voice session with so many talks of Alice, 2 s apart. */
function someTalks(count: number): { voiceSessionId: string; talks: TalkRecord[] } {
  const voiceSessionId = uuidv7();
  const talks = Array.from({ length: count }, (_, index) =>
    talkOf({
      userId: bench.alice,
      voiceSessionId,
      startMs: startMs + index * 2_000,
      endMs: startMs + index * 2_000 + 700,
    }),
  );
  return { voiceSessionId, talks };
}

describe('what a process stores', () => {
  it('is the voice session, each talk as it was, what the session counts, and an event for each talk', async () => {
    const groupId = await bench.newGroup();
    const { voiceSessionId, talks } = someTalks(2);
    const source = sourceOf([
      groupId,
      { kind: 'opened', voiceSessionId, startMs: startMs - 10 },
      ...talks.map((talk) => ({ ...talk, emergency: true, cause: 'too_long' as const })),
      { kind: 'closed', voiceSessionId, endMs: startMs + 90_000, participants: 3 },
    ]);
    await bench.store(source);
    expect(await sessionsOf(groupId)).toEqual([
      { started: startMs - 10, ended: startMs + 90_000, talks: 2, talked: 1_400, people: 3 },
    ]);
    const [row] = await bench.sql`select * from speaker_history where talk_id = ${talks[0]?.talkId ?? ''}`;
    expect(row).toEqual({
      talk_id: talks[0]?.talkId,
      group_id: groupId,
      voice_session_id: voiceSessionId,
      user_id: bench.alice,
      display_name: 'Alice',
      emergency: true,
      started_at: new Date(startMs),
      ended_at: new Date(startMs + 700),
      duration_ms: 700,
      cause: 'too_long',
    });
    expect(await finishedOf(groupId)).toEqual(
      expect.arrayContaining(talks.map(({ talkId }) => ({ talkId, groupId, voiceSessionId, userId: bench.alice }))),
    );
    expect(await source.pending(10)).toEqual([]);
  });

  it('is the same when records come again', async () => {
    const groupId = await bench.newGroup();
    const { voiceSessionId, talks } = someTalks(3);
    const records = [
      { kind: 'opened', voiceSessionId, startMs } as const,
      ...talks,
      { kind: 'closed', voiceSessionId, endMs: startMs + 60_000, participants: 3 } as const,
    ];
    await bench.store(sourceOf([groupId, ...records]));
    await bench.store(sourceOf([groupId, ...records, ...talks]));
    await bench.store(sourceOf([groupId, ...records.slice(0, 2)]));
    expect(await sessionsOf(groupId)).toEqual([
      { started: startMs, ended: startMs + 60_000, talks: 3, talked: 2_100, people: 3 },
    ]);
    expect(await talkIdsOf(groupId)).toHaveLength(3);
    expect(await finishedOf(groupId)).toHaveLength(3);
    expect(await rejectedOf(groupId)).toEqual([]);
  });

  it('is the same when several processes store it at once', async () => {
    const groupIds = await Promise.all(Array.from({ length: 5 }, () => bench.newGroup()));
    const notes = groupIds.map((groupId) => {
      const { voiceSessionId, talks } = someTalks(90);
      return [groupId, { kind: 'opened', voiceSessionId, startMs } as const, ...talks] as const;
    });
    const shared = sourceOf(...notes);
    const late = sourceOf(...notes.toReversed());
    await Promise.all([bench.store(shared), bench.store(shared), bench.store(late), bench.store(late)]);
    for (const groupId of groupIds) {
      expect(await sessionsOf(groupId)).toEqual([
        { started: startMs, ended: null, talks: 90, talked: 63_000, people: 2 },
      ]);
      expect(await talkIdsOf(groupId)).toHaveLength(90);
      expect(await finishedOf(groupId)).toHaveLength(90);
    }
    expect(await shared.pending(1)).toEqual([]);
  });

  it('is the same when a confirmation was lost', async () => {
    const groupId = await bench.newGroup();
    const { talks } = someTalks(2);
    const source = sourceOf([groupId, ...talks]);
    const confirm = source.confirm.bind(source);
    source.confirm = () => Promise.reject(new Error('died before the confirmation'));
    await expect(bench.process(source).history.stop()).rejects.toThrow('died before');
    source.confirm = confirm;
    await bench.store(source);
    expect(await sessionsOf(groupId)).toMatchObject([{ talks: 2, talked: 1_400 }]);
    expect(await finishedOf(groupId)).toHaveLength(2);
    expect(await source.pending(1)).toEqual([]);
  });

  it('stays in the live store while PostgreSQL is away', async () => {
    const groupId = await bench.newGroup();
    const source = sourceOf([groupId, ...someTalks(2).talks]);
    const away = new URL(bench.url);
    away.port = String(await freePort());
    const { history, log } = bench.process(source, away.href);
    await history.stop();
    await history.stop();
    expect(await source.pending(10)).toHaveLength(2);
    expect(log.filter((line) => line.includes('waits in the live store'))).toHaveLength(1);
    await bench.store(source);
    expect(await talkIdsOf(groupId)).toHaveLength(2);
  });

  it('goes without the opening of the voice session, and takes it when it comes later', async () => {
    const groupId = await bench.newGroup();
    const { voiceSessionId, talks } = someTalks(2);
    await bench.store(sourceOf([groupId, ...talks.slice(1)]));
    expect(await sessionsOf(groupId)).toEqual([
      { started: startMs + 2_000, ended: null, talks: 1, talked: 700, people: 2 },
    ]);
    await bench.store(sourceOf([groupId, { kind: 'closed', voiceSessionId, endMs: startMs + 9_000, participants: 3 }]));
    await bench.store(sourceOf([groupId, { kind: 'opened', voiceSessionId, startMs: startMs - 5 }, ...talks]));
    expect(await sessionsOf(groupId)).toEqual([
      { started: startMs - 5, ended: startMs + 9_000, talks: 2, talked: 1_400, people: 3 },
    ]);
  });

  it('ends a voice session whose end was lost when the next one opens', async () => {
    const groupId = await bench.newGroup();
    const other = await bench.newGroup();
    const opened = (atMs: number) => ({ kind: 'opened', voiceSessionId: uuidv7(), startMs: atMs }) as const;
    await bench.store(sourceOf([groupId, opened(startMs)], [other, opened(startMs)]));
    await bench.store(sourceOf([groupId, opened(startMs + 60_000), opened(startMs + 90_000)]));
    expect((await sessionsOf(groupId)).map(({ ended }) => ended)).toEqual([startMs + 60_000, startMs + 90_000, null]);
    expect((await sessionsOf(other)).map(({ ended }) => ended)).toEqual([null]);
  });

  it('is a talk of 0 ms where the clock of the live store stepped back', async () => {
    const groupId = await bench.newGroup();
    const voiceSessionId = uuidv7();
    await bench.store(
      sourceOf([
        groupId,
        { kind: 'opened', voiceSessionId, startMs },
        talkOf({ userId: bench.alice, voiceSessionId, startMs, endMs: startMs - 4_000 }),
        { kind: 'closed', voiceSessionId, endMs: startMs - 3_000, participants: 3 },
      ]),
    );
    expect(await talkIdsOf(groupId)).toHaveLength(1);
    expect(await sessionsOf(groupId)).toMatchObject([{ talks: 1, talked: 0 }]);
    expect(await rejectedOf(groupId)).toEqual([]);
  });
});

describe('a record that can never be stored', () => {
  it('is put aside once, and holds up no other', async () => {
    const groupId = await bench.newGroup();
    const { voiceSessionId, talks } = someTalks(4);
    const [first, second, third, fourth] = talks;
    if (!first || !second || !third || !fourth) throw new Error('there are four');
    const nowhere = uuidv7();
    const nobody = { ...third, talkId: uuidv7(), userId: uuidv7() };
    const timeless = { ...third, talkId: uuidv7(), startMs: Number.NaN };
    const torn = { ...third, talkId: uuidv7(), speaker: { userId: bench.alice, displayName: 'a\0b' } };
    const notes = [
      [groupId, { kind: 'opened', voiceSessionId, startMs }, first, nobody, second, timeless],
      [nowhere, { kind: 'opened', voiceSessionId: uuidv7(), startMs }, { ...third, talkId: uuidv7() }],
      ['no id', { kind: 'closed', voiceSessionId, endMs: startMs, participants: 3 }],
      [groupId, third, torn, fourth],
    ] as const;
    const source = sourceOf(...notes);
    const { history, metrics, log } = bench.process(source);
    await history.stop();
    await bench.store(sourceOf(...notes));

    expect(await source.pending(1)).toEqual([]);
    expect(await talkIdsOf(groupId)).toEqual(talks.map(({ talkId }) => talkId));
    expect(await sessionsOf(groupId)).toMatchObject([{ talks: 4, talked: 2_800 }]);
    const rejected = await rejectedOf(groupId);
    expect(rejected.map(({ record }) => JSON.parse(record))).toEqual(
      expect.arrayContaining([nobody, { ...timeless, startMs: null }, torn]),
    );
    expect(rejected).toHaveLength(3);
    expect(await rejectedOf(nowhere)).toHaveLength(2);
    expect(await rejectedOf('no id')).toMatchObject([{ reason: expect.stringContaining('group id') }]);
    expect(await metrics.render()).toContain('neda_history_rejected_total{kind="talk"} 4');
    const lines = log.filter((line) => line.includes('was put aside'));
    expect(lines).toHaveLength(6);
    expect(lines.join('')).toContain('speaker_history_user_id_users_id_fk');
  });

  it('is one whose voice session is another group’s', async () => {
    const [groupId, other] = [await bench.newGroup(), await bench.newGroup()];
    const { voiceSessionId, talks } = someTalks(2);
    await bench.store(sourceOf([groupId, { kind: 'opened', voiceSessionId, startMs }, ...talks]));
    await bench.store(
      sourceOf([
        other,
        { kind: 'closed', voiceSessionId, endMs: startMs + 1, participants: 3 },
        talkOf({ userId: bench.bob, voiceSessionId }),
      ]),
    );
    expect(await sessionsOf(groupId)).toEqual([{ started: startMs, ended: null, talks: 2, talked: 1_400, people: 2 }]);
    expect(await talkIdsOf(other)).toEqual([]);
    expect(await finishedOf(other)).toEqual([]);
    expect(await rejectedOf(other)).toHaveLength(2);
  });
});

describe('a running process', () => {
  it('stores within the second what nobody told it of, and at once when woken', async () => {
    const groupId = await bench.newGroup();
    const woken = 8;
    const { talks } = someTalks(1 + woken);
    const source = sourceOf();
    const { history } = bench.process(source);
    history.start();
    let wokenAtMs = Infinity;
    try {
      for (const [index, talk] of talks.entries()) {
        source.add(groupId, talk);
        if (index === 1) wokenAtMs = performance.now();
        if (index > 0) history.wake();
        await until(async () => (await talkIdsOf(groupId)).length === index + 1, {
          limitMs: 1_000 + BUSY_MS,
          describe: () => 'the talk is stored',
        });
      }
      // Each was noted when the one before it was stored: if nothing woke it, they take a second each.
      expect(performance.now() - wokenAtMs).toBeLessThan(0.9 * woken * 1_000);
    } finally {
      await history.stop();
    }
  });
});
