import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { HistoryRecord } from '../../src/realtime/floor/index.ts';
import { type Neda, startNeda } from '../_support/neda.ts';
import { until } from '../_support/until.ts';
import { type HistoryBench, openBench, sourceOf, startMs, talkOf } from './history-harness.ts';

let bench: HistoryBench;
let groupId: string;

beforeAll(async () => {
  bench = await openBench();
});
beforeEach(async () => {
  groupId = await bench.newGroup();
});
afterAll(() => bench.close());

async function gaps(): Promise<Record<string, unknown>[]> {
  const rows = await bench.sql<{ details: Record<string, unknown> }[]>`
    select details from audit where action = 'history.gap' order by id`;
  return rows.map(({ details }) => details);
}

/** A server without Redis: what it keeps is gone with it, so that each start is a new live store. */
function startAlone(): Promise<Neda> {
  return startNeda({ databaseUrl: bench.url });
}

async function live(...more: HistoryRecord[]): Promise<string> {
  const voiceSessionId = uuidv7();
  await bench.store(sourceOf([groupId, { kind: 'opened', voiceSessionId, startMs }, ...more]));
  return voiceSessionId;
}

it('a live store that is lost while a group is live leaves a gap record, and one that is stopped none', async () => {
  await using first = await startAlone();
  expect(await gaps()).toEqual([]);
  await first.kill();
  const voiceSessionId = await live();
  await using second = await startAlone();
  const recorded = await until(async () => (await gaps())[0], {
    limitMs: 20_000,
    describe: () => 'a gap is recorded',
  });
  expect(recorded).toMatchObject({ cause: 'replaced', generation: 2, liveGroups: 1, groupIds: [groupId] });
  await bench.store(sourceOf([groupId, { kind: 'closed', voiceSessionId, endMs: startMs + 1, participants: 1 }]));
  await second.stop();
  await using third = await startAlone();
  expect(third.origin).toBeTruthy();
  expect(await gaps()).toHaveLength(1);
}, 240_000);

it('a talk counts in its session once, also when its session is told closed by whoever noted the talk lost', async () => {
  const voiceSessionId = uuidv7();
  const talk = talkOf({ userId: bench.alice, voiceSessionId });
  const closed: HistoryRecord = { kind: 'closed', voiceSessionId, endMs: talk.endMs, participants: 0 };
  await bench.store(sourceOf([groupId, talk, closed, { ...talk, cause: 'expired' }, closed]));
  const rows = await bench.sql`select talk_count, participant_count, ended_at from group_voice_sessions
    where id = ${voiceSessionId}`;
  expect(rows).toEqual([{ talk_count: 1, participant_count: 2, ended_at: new Date(talk.endMs) }]);
});
