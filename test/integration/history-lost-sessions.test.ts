import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createLostSessions } from '../../src/history/lost-sessions.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createDatabase, type Database } from '../../src/infra/postgres.ts';
import { FloorStoreUnavailable, type GroupLife, type HistoryRecord } from '../../src/realtime/floor/index.ts';
import { MemoryHistory } from '../../src/realtime/floor-memory/history.ts';
import { type HistoryBench, openBench, sourceOf, startMs, talkOf } from './history-harness.ts';

let bench: HistoryBench;
let database: Database;
let groupId: string;
let voiceSessionId: string;

beforeAll(async () => {
  bench = await openBench();
  database = createDatabase({ url: bench.url, applicationName: 'test' });
});
beforeEach(async () => {
  groupId = await bench.newGroup();
  voiceSessionId = uuidv7();
});
afterAll(async () => {
  await database.close();
  await bench.close();
});

/** A live store that knows of the groups what it is told; what it has noted is as ever. */
class TestStore extends MemoryHistory {
  readonly groups = new Map<string, Partial<GroupLife> | 'away'>();
  canRecordLoss = true;

  override async lives(groupIds: readonly string[]): Promise<readonly (GroupLife | null)[]> {
    const [none = null] = await super.lives(['']);
    return groupIds.map((groupId) => {
      const life = this.groups.get(groupId);
      return none === null || life === 'away' ? null : { ...none, ...life };
    });
  }

  override async recordLoss(): Promise<void> {
    if (!this.canRecordLoss) throw new FloorStoreUnavailable('PostgreSQL is away');
  }
}

async function opened(of: { groupId: string; voiceSessionId: string }, ...more: HistoryRecord[]): Promise<void> {
  await bench.store(sourceOf([of.groupId, { kind: 'opened', voiceSessionId: of.voiceSessionId, startMs }, ...more]));
}

async function session(id = voiceSessionId) {
  const [row] = await bench.sql<{ started: Date; ended: Date | null; talks: number; people: number }[]>`
    select started_at as started, ended_at as ended, talk_count as talks, participant_count as people
    from group_voice_sessions where id = ${id}`;
  return row;
}

/** One process, which looks at all open voice sessions whenever it is called. */
function looker(source: TestStore): () => Promise<void> {
  const look = createLostSessions({ database, source, logger: createLogger({ name: 'test', level: 'silent' }) });
  return () => look(new AbortController().signal);
}

describe('an open voice session that the live store does not have', () => {
  it('ends with its last talk, whichever process looks', async () => {
    const talk = talkOf({ userId: bench.alice, voiceSessionId, startMs: startMs + 5_000, endMs: startMs + 9_000 });
    await opened({ groupId, voiceSessionId }, talk, talkOf({ userId: bench.bob, voiceSessionId }));
    await Promise.all([looker(new TestStore())(), looker(new TestStore())()]);
    expect(await session()).toEqual({
      started: new Date(startMs),
      ended: new Date(startMs + 9_000),
      talks: 2,
      people: 2,
    });
  });

  it('ends with its start when nothing is known of it', async () => {
    await opened({ groupId, voiceSessionId });
    await looker(new TestStore())();
    expect(await session()).toMatchObject({ started: new Date(startMs), ended: new Date(startMs) });
  });

  it('takes what is told of it later, and is not open again', async () => {
    await opened({ groupId, voiceSessionId });
    await looker(new TestStore())();
    const late = talkOf({ userId: bench.alice, voiceSessionId, startMs: startMs + 5_000, endMs: startMs + 9_000 });
    await bench.store(sourceOf([groupId, { kind: 'opened', voiceSessionId, startMs: startMs - 10 }, late]));
    expect(await session()).toEqual({
      started: new Date(startMs - 10),
      ended: new Date(startMs + 9_000),
      talks: 1,
      people: 2,
    });
    const earlier = talkOf({ userId: bench.bob, voiceSessionId });
    await bench.store(sourceOf([groupId, earlier]));
    expect(await session()).toMatchObject({ ended: new Date(startMs + 9_000), talks: 2 });
    await bench.store(
      sourceOf([groupId, { kind: 'closed', voiceSessionId, endMs: startMs + 60_000, participants: 3 }]),
    );
    expect(await session()).toMatchObject({ ended: new Date(startMs + 60_000), talks: 2, people: 3 });
  });

  it('stays open while something of its group is left to store, or the loss cannot be recorded', async () => {
    await opened({ groupId, voiceSessionId });
    const store = new TestStore();
    store.groups.set(groupId, { hasPending: true });
    await looker(store)();
    expect(await session()).toMatchObject({ ended: null });
    store.groups.clear();
    store.canRecordLoss = false;
    await expect(looker(store)()).rejects.toThrow(FloorStoreUnavailable);
    expect(await session()).toMatchObject({ ended: null });
  });

  it('ends when it was last seen live, also when the store is away in between', async () => {
    await opened({ groupId, voiceSessionId });
    const store = new TestStore();
    const look = looker(store);
    for (const life of [{ voiceSessionId, nowMs: startMs + 30_000 }, 'away'] as const) {
      store.groups.set(groupId, life);
      await look();
      expect(await session()).toMatchObject({ ended: null });
    }
    store.groups.clear();
    await look();
    expect(await session()).toMatchObject({ ended: new Date(startMs + 30_000) });
  });

  it('ends also while its group lives on in another one', async () => {
    await opened({ groupId, voiceSessionId });
    const store = new TestStore();
    store.groups.set(groupId, { voiceSessionId: uuidv7() });
    await looker(store)();
    expect(await session()).toMatchObject({ ended: new Date(startMs) });
  });
});

describe('an open voice session that goes on', () => {
  it('is listed with those who took part so far, and keeps their number', async () => {
    await opened({ groupId, voiceSessionId });
    const store = new TestStore();
    store.groups.set(groupId, { voiceSessionId, participants: 3 });
    const { history } = bench.process(store);
    const listed = async () => {
      const rows = await history.listVoiceSessions({ groupId }, { after: undefined, limit: 10 });
      return rows.map(({ participantCount }) => participantCount);
    };
    expect(await listed()).toEqual([3]);
    await looker(store)();
    store.groups.set(groupId, 'away');
    expect(await listed()).toEqual([3]);
    store.groups.set(groupId, { voiceSessionId, participants: 2 });
    expect(await listed()).toEqual([3]);
    store.groups.set(groupId, { voiceSessionId: uuidv7(), participants: 9 });
    expect(await listed()).toEqual([3]);
  });
});
