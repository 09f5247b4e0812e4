import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { dependencyUnavailable } from '../../src/errors.ts';
import { createRunChange, type RunChange } from '../../src/infra/change.ts';
import { createLogger } from '../../src/infra/logger.ts';
import { createMetrics } from '../../src/infra/metrics.ts';
import { createOutbox, type Outbox, type StoredEvent } from '../../src/infra/outbox/index.ts';
import { createDatabase as connect, type Database } from '../../src/infra/postgres.ts';
import { BUSY_MS } from '../_support/busy.ts';
import { createDatabase, type TestDatabase } from '../_support/postgres.ts';
import { until } from '../_support/until.ts';

const origin = { actor: { type: 'system' }, requestId: 'test' } as const;
const logger = createLogger({ name: 'test', level: 'silent' });

let database: TestDatabase;
let sql: postgres.Sql;
let opened: Array<() => Promise<void>>;

beforeAll(async () => {
  database = await createDatabase();
  sql = postgres(database.url, { max: 4, onnotice: () => undefined });
});

afterAll(async () => {
  await sql.end();
  await database[Symbol.asyncDispose]();
});

beforeEach(() => {
  opened = [];
});

afterEach(async () => {
  for (const close of opened.toReversed()) await close();
});

interface Reader {
  readonly outbox: Outbox;
  readonly runChange: RunChange;
  readonly database: Database;
  readonly seen: StoredEvent[];
  readonly types: () => string[];
}

/** As one process has it. */
async function open(): Promise<Reader> {
  const pool = connect({ url: database.url, applicationName: 'outbox-test' });
  const outbox = createOutbox({ database: pool, logger, metrics: createMetrics() });
  const seen: StoredEvent[] = [];
  outbox.subscribe((event) => {
    seen.push(event);
  });
  await outbox.start();
  opened.push(async () => {
    await outbox.stop();
    await pool.close();
  });
  return {
    outbox,
    runChange: createRunChange(pool),
    database: pool,
    seen,
    types: () => seen.map((event) => event.type),
  };
}

function append(reader: Reader, type: string): Promise<void> {
  return reader.runChange(origin, (context) => reader.outbox.append(context, type, { n: 1 }));
}

function seesAll(reader: Reader, types: readonly string[], limitMs = 15_000): Promise<unknown> {
  return until(() => types.every((type) => reader.types().includes(type)), {
    limitMs,
    describe: () => `${reader.types().join()} instead of ${types.join()}`,
  });
}

it('tells every process what any of them committed, once, with its payload', async () => {
  const [left, right] = [await open(), await open()];
  await append(left, 'a.happened');
  await append(right, 'b.happened');
  await Promise.all([seesAll(left, ['a.happened', 'b.happened']), seesAll(right, ['a.happened', 'b.happened'])]);
  expect(left.types()).toEqual(['a.happened', 'b.happened']);
  expect(left.seen[0]).toEqual({ id: expect.stringMatching(/^[0-9a-f-]{36}$/), type: 'a.happened', payload: { n: 1 } });
});

it('tells nothing of a change that was rolled back', async () => {
  const reader = await open();
  const failing = reader.runChange(origin, async (context) => {
    await reader.outbox.append(context, 'never.happened', {});
    throw new Error('no');
  });
  await expect(failing).rejects.toThrow('no');
  await append(reader, 'later.happened');
  await seesAll(reader, ['later.happened']);
  expect(reader.types()).not.toContain('never.happened');
});

it('does not skip a transaction that commits late, nor let others wait for it', async () => {
  const reader = await open();
  let commit = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    commit = resolve;
  });
  let isWritten = false;
  const late = reader.runChange(origin, async (context) => {
    await reader.outbox.append(context, 'late.happened', {});
    isWritten = true;
    await held;
  });
  await until(() => isWritten, { limitMs: 15_000, describe: () => 'the late event was not written' });
  await append(reader, 'early.happened');
  await seesAll(reader, ['early.happened']);
  await append(reader, 'next.happened');
  await seesAll(reader, ['next.happened']);
  expect(reader.types()).not.toContain('late.happened');
  commit();
  await late;
  await seesAll(reader, ['late.happened']);
  await append(reader, 'last.happened');
  await seesAll(reader, ['last.happened']);
  expect(reader.types()).toEqual(['early.happened', 'next.happened', 'late.happened', 'last.happened']);
});

it('delivers to a process that started while a transaction was open, when it commits', async () => {
  const writer = await open();
  let reader: Reader | undefined;
  await writer.runChange(origin, async (context) => {
    await writer.outbox.append(context, 'across.start', {});
    reader = await open();
  });
  if (reader === undefined) throw new Error('no reader');
  await seesAll(reader, ['across.start']);
  expect(reader.types()).toEqual(['across.start']);
});

it('finds within a second what no notification announced', async () => {
  const reader = await open();
  await sql`insert into domain_event (id, type, payload, request_id)
            values (gen_random_uuid(), 'silent.happened', '{}'::jsonb, 'test')`;
  await seesAll(reader, ['silent.happened'], 1_000 + BUSY_MS);
  expect(reader.types()).toEqual(['silent.happened']);
});

it('goes on after its connections were killed', async () => {
  const reader = await open();
  await sql`select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and application_name = 'outbox-test'`;
  await sql`insert into domain_event (id, type, payload, request_id)
            values (gen_random_uuid(), 'after.kill', '{}'::jsonb, 'test')`;
  await seesAll(reader, ['after.kill']);
  await until(
    async () => {
      const listeners = await sql`select 1 from pg_stat_activity
        where datname = current_database() and query ilike 'listen%neda_domain_event%'`;
      return listeners.length > 0;
    },
    { limitMs: 15_000, describe: () => 'nobody listens again' },
  );
  expect(reader.types()).toEqual(['after.kill']);
});

it('reads more than one batch, in order', async () => {
  const reader = await open();
  await sql`insert into domain_event (id, type, payload, request_id)
            select gen_random_uuid(), 'many.' || n, '{}'::jsonb, 'test' from generate_series(1, 1200) n order by n`;
  await seesAll(reader, ['many.1200']);
  const many = reader.types().filter((type) => type.startsWith('many.'));
  expect(many).toEqual(Array.from({ length: 1_200 }, (_, index) => `many.${index + 1}`));
});

it('tries a handler that failed again, and lets the other subscribers go on', async () => {
  const reader = await open();
  const attempts: string[] = [];
  reader.outbox.subscribe((event) => {
    attempts.push(event.type);
    if (attempts.length < 3) throw new Error('not yet');
  });
  await append(reader, 'hard.happened');
  await append(reader, 'easy.happened');
  await seesAll(reader, ['hard.happened', 'easy.happened']);
  await until(() => attempts.includes('easy.happened'), { limitMs: 15_000, describe: () => attempts.join() });
  expect(attempts).toEqual(['hard.happened', 'hard.happened', 'hard.happened', 'easy.happened']);
});

it('keeps an event for a handler whose dependency is away, however often it fails', async () => {
  const reader = await open();
  let attempts = 0;
  reader.outbox.subscribe(() => {
    attempts += 1;
    if (attempts < 7) throw dependencyUnavailable('redis');
  });
  await append(reader, 'kept.happened');
  await until(() => attempts === 7, { limitMs: 20_000, describe: () => `${attempts} attempts` });
  expect(attempts).toBe(7);
});

it('hands nothing to a subscriber who left', async () => {
  const reader = await open();
  const seen: string[] = [];
  const leave = reader.outbox.subscribe((event) => {
    seen.push(event.type);
  });
  leave();
  await append(reader, 'left.happened');
  await seesAll(reader, ['left.happened']);
  expect(seen).toEqual([]);
});
