import postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import { createHistory, type History } from '../../src/history/index.ts';
import { createRunChange } from '../../src/infra/change.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createMetrics, type Metrics } from '../../src/infra/metrics.ts';
import { createOutbox } from '../../src/infra/outbox/index.ts';
import { createDatabase as connect, type Database } from '../../src/infra/postgres.ts';
import type { FloorHistorySource, HistoryRecord, TalkRecord } from '../../src/realtime/floor/index.ts';
import { MemoryHistory } from '../../src/realtime/floor-memory/history.ts';
import { createDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';

/** Some time ago, to the millisecond. */
export const startMs = Date.UTC(2026, 0, 31, 9, 30, 0, 123);

export function talkOf(fields: Partial<TalkRecord> & Pick<TalkRecord, 'userId' | 'voiceSessionId'>): TalkRecord {
  return {
    kind: 'talk',
    talkId: uuidv7(),
    speaker: { userId: fields.userId, displayName: 'Alice' },
    emergency: false,
    startMs,
    endMs: startMs + 1_500,
    cause: 'released',
    participants: 2,
    ...fields,
  };
}

/** What a live store has noted, in a source of its own. */
export function sourceOf(
  ...notes: readonly (readonly [groupId: string, ...records: HistoryRecord[]])[]
): MemoryHistory {
  const source = new MemoryHistory();
  for (const [groupId, ...records] of notes) for (const record of records) source.add(groupId, record);
  return source;
}

export interface HistoryBench {
  readonly sql: postgres.Sql;
  readonly url: string;
  readonly alice: string;
  readonly bob: string;
  /** A group of its own for each test. */
  newGroup(): Promise<string>;
  /** One process's history over `source`, writing to this database or to the one at `url`. */
  process(
    source: FloorHistorySource,
    url?: string,
  ): { readonly history: History; readonly metrics: Metrics; readonly log: string[] };
  /** Stores all that is pending in `source`, as one process after the other does. */
  store(source: MemoryHistory): Promise<void>;
  close(): Promise<void>;
}

/** A migrated database, with two users unless told otherwise, and processes that write history into it. */
export async function openBench({ hasUsers = true, retentionDays = 0 } = {}): Promise<HistoryBench> {
  const made = await createDatabase();
  const sql = postgres(made.url, { max: 2, onnotice: () => undefined });
  const databases: Database[] = [];
  const [alice, bob] = [uuidv7(), uuidv7()];
  const users = [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const;
  for (const [id, name] of hasUsers ? users : []) {
    await sql`insert into users (id, username, display_name, role) values (${id}, ${name}, ${name}, 'user')`;
  }

  function process(source: FloorHistorySource, url = made.url) {
    const database = connect({ url, applicationName: 'test' });
    databases.push(database);
    const log: string[] = [];
    const logger = createLogger({ name: 'test', level: 'debug' }, { write: (line: string) => log.push(line) });
    const metrics = createMetrics();
    const outbox = createOutbox({ database, logger, metrics });
    const runChange = createRunChange(database);
    const parts = { database, runChange, outbox, logger, metrics, source, retentionDays };
    return { history: createHistory(parts), metrics, log };
  }

  return {
    sql,
    url: made.url,
    alice,
    bob,
    newGroup: async () => {
      const id = uuidv7();
      await sql`insert into groups (id, name, description, settings) values (${id}, 'Group', '', '{}')`;
      return id;
    },
    process,
    store: async (source) => {
      await until(
        async () => {
          await process(source).history.stop();
          return (await source.pending(1)).length === 0;
        },
        { limitMs: 20_000, describe: () => 'all that was noted is stored' },
      );
    },
    close: async () => {
      await Promise.all(databases.map((database) => database.close()));
      await sql.end({ timeout: 1 });
      await made[Symbol.asyncDispose]();
    },
  };
}
