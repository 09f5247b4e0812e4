import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { MemoryHistory } from '../../src/realtime/floor-memory/history.ts';
import { until } from '../_support/until.ts';
import { type HistoryBench, openBench, sourceOf, talkOf } from './history-harness.ts';

const dayMs = 24 * 3_600_000;
const kept: { bench: HistoryBench }[] = [];
let bench: HistoryBench;
let groupId: string;

beforeAll(async () => {
  bench = await openBench({ retentionDays: 30 });
  kept.push({ bench });
});
beforeEach(async () => {
  groupId = await bench.newGroup();
});
afterAll(() => Promise.all(kept.map((one) => one.bench.close())));

/** A voice session of one talk, both of which ended that long ago; the talk began an hour earlier. */
async function talkedAgo(where: HistoryBench, group: string, agoMs: number): Promise<string> {
  const voiceSessionId = uuidv7();
  const endMs = Date.now() - agoMs;
  const talk = talkOf({ userId: where.alice, voiceSessionId, startMs: endMs - 3_600_000, endMs });
  await where.store(
    sourceOf([
      group,
      { kind: 'opened', voiceSessionId, startMs: talk.startMs },
      talk,
      { kind: 'closed', voiceSessionId, endMs, participants: 2 },
    ]),
  );
  return talk.talkId;
}

function talksIn(where: HistoryBench, group: string): Promise<string[]> {
  const rows = where.sql<{ talk_id: string }[]>`select talk_id from speaker_history where group_id = ${group}`;
  return rows.then((found) => found.map((row) => row.talk_id).toSorted());
}

async function voiceSessionsIn(where: HistoryBench, group: string): Promise<number> {
  const [row] = await where.sql<{ count: number }[]>`
    select count(*)::int as count from group_voice_sessions where group_id = ${group}`;
  return row?.count ?? -1;
}

it('deletes talks that ended before the days to keep, and voice sessions with them, as soon as it starts', async () => {
  const young = await talkedAgo(bench, groupId, 30 * dayMs - 60_000);
  await talkedAgo(bench, groupId, 30 * dayMs + 60_000);
  await talkedAgo(bench, groupId, 400 * dayMs);
  const { history } = bench.process(sourceOf());
  history.start();
  try {
    await until(async () => (await voiceSessionsIn(bench, groupId)) === 1, {
      limitMs: 20_000,
      describe: () => 'the old ones are gone',
    });
    expect(await talksIn(bench, groupId)).toEqual([young]);
  } finally {
    await history.stop();
  }
});

it('keeps a voice session that has not ended, and its young talks', async () => {
  const voiceSessionId = uuidv7();
  const startMs = Date.now() - 40 * dayMs;
  const old = talkOf({ userId: bench.alice, voiceSessionId, startMs, endMs: startMs + 1_000 });
  const young = talkOf({
    userId: bench.bob,
    voiceSessionId,
    startMs: Date.now() - dayMs,
    endMs: Date.now() - dayMs + 5,
  });
  await bench.store(sourceOf([groupId, { kind: 'opened', voiceSessionId, startMs }, old, young]));
  const { history } = bench.process(new MemoryHistory(() => ({ voiceSessionId, participants: 2 })));
  history.start();
  try {
    await until(async () => (await talksIn(bench, groupId)).length === 1, {
      limitMs: 20_000,
      describe: () => 'the old ones are gone',
    });
  } finally {
    await history.stop();
  }
  expect(await talksIn(bench, groupId)).toEqual([young.talkId]);
  expect(await voiceSessionsIn(bench, groupId)).toBe(1);
});

it('deletes as many as there are, in portions, beside another process that does the same', async () => {
  const rows = 2_500;
  const voiceSessionId = uuidv7();
  await bench.sql`insert into group_voice_sessions (id, group_id, started_at, ended_at)
    values (${voiceSessionId}, ${groupId}, now() - interval '50 days', now() - interval '50 days')`;
  await bench.sql`insert into speaker_history (talk_id, group_id, voice_session_id, user_id, display_name, emergency,
      started_at, ended_at, duration_ms, cause)
    select gen_random_uuid(), ${groupId}, ${voiceSessionId}, ${bench.alice}, 'Alice', false,
      now() - interval '50 days', now() - interval '50 days', 0, 'released' from generate_series(1, ${rows}::int)`;
  const processes = [bench.process(sourceOf()), bench.process(sourceOf())];
  for (const { history } of processes) history.start();
  try {
    await until(async () => (await talksIn(bench, groupId)).length === 0, {
      limitMs: 20_000,
      describe: () => 'the old ones are gone',
    });
  } finally {
    await Promise.all(processes.map(({ history }) => history.stop()));
  }
  expect(processes.flatMap(({ log }) => log).filter((line) => line.includes('periodic work failed'))).toEqual([]);
});

it('keeps everything when no number of days is set', async () => {
  const forEver = await openBench();
  kept.push({ bench: forEver });
  const group = await forEver.newGroup();
  const ancient = await talkedAgo(forEver, group, 4_000 * dayMs);
  const { history } = forEver.process(sourceOf());
  history.start();
  await history.stop();
  expect(await talksIn(forEver, group)).toEqual([ancient]);
});
