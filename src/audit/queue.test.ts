import { setTimeout as sleep } from 'node:timers/promises';
import { Writable } from 'node:stream';
import { v7 as uuid } from 'uuid';
import { expect, test, vi } from 'vitest';
import { dependencyUnavailable } from '../errors.ts';
import { createLogger } from '../infra/logger.ts';
import { createMetrics } from '../infra/metrics.ts';
import { createAuditQueue } from './queue.ts';
import type { AuditRow } from './repo.ts';

function rowOf(action = 'floor.revoked'): AuditRow {
  return {
    id: uuid(),
    at: new Date(),
    actorType: 'system',
    actorUserId: null,
    action,
    targetType: null,
    targetId: null,
    result: 'success',
    requestId: 'r',
    details: {},
  };
}

/** A queue over a store that does what the test says, and what it logged. */
function bench() {
  const lines: string[] = [];
  const destination = new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
  const metrics = createMetrics();
  const stored: AuditRow[] = [];
  const store = vi.fn(async (rows: readonly AuditRow[]) => void stored.push(...rows));
  const queue = createAuditQueue({
    store,
    metrics,
    logger: createLogger({ name: 'test', level: 'info' }, destination),
  });
  return { queue, store, stored, lines, metrics };
}

test('a row is stored without being waited for, several by one statement', async () => {
  const { queue, store, stored } = bench();
  const rows = [rowOf(), rowOf(), rowOf()];
  for (const row of rows) queue.add(row);
  expect(stored).toEqual([]);
  await vi.waitFor(() => expect(stored).toEqual(rows));
  expect(store).toHaveBeenCalledTimes(1);
  await queue.stop();
});

test('rows outlive an absence of PostgreSQL, in their order, and it is logged once', async () => {
  const { queue, store, stored, lines, metrics } = bench();
  store.mockRejectedValueOnce(dependencyUnavailable('postgres'));
  store.mockRejectedValueOnce(dependencyUnavailable('postgres'));
  const rows = [rowOf('a'), rowOf('b')];
  for (const row of rows) queue.add(row);
  await vi.waitFor(() => expect(store).toHaveBeenCalledTimes(1));
  expect(await metrics.render()).toContain('neda_audit_waiting 2');
  await vi.waitFor(() => expect(stored).toEqual(rows));
  expect(await metrics.render()).toContain('neda_audit_waiting 0');
  expect(lines.filter((line) => line.includes('wait for PostgreSQL'))).toHaveLength(1);
  await queue.stop();
});

test('what waits at the stop is stored', async () => {
  const { queue, stored } = bench();
  const row = rowOf();
  queue.add(row);
  await queue.stop();
  expect(stored).toEqual([row]);
});

test('the stop waits no longer than two seconds, and says what it leaves', async () => {
  const { queue, store, lines, metrics } = bench();
  store.mockImplementation(() => sleep(60_000, undefined, { ref: false }));
  queue.add(rowOf('floor.emergency'));
  const sinceMs = performance.now();
  await queue.stop();
  expect(performance.now() - sinceMs).toBeLessThan(10_000);
  expect(await metrics.render()).toContain('neda_audit_dropped_total{cause="stopped"} 1');
  expect(lines.join('')).toContain('floor.emergency');
});

test('beyond its bound rows are dropped, counted and logged', async () => {
  const { queue, store, lines, metrics } = bench();
  store.mockRejectedValue(dependencyUnavailable('postgres'));
  for (let count = 0; count < 10_000; count += 1) queue.add(rowOf());
  queue.add(rowOf('one.too_many'));
  expect(await metrics.render()).toContain('neda_audit_dropped_total{cause="full"} 1');
  expect(lines.join('')).toContain('one.too_many');
  store.mockResolvedValue(undefined);
  await queue.stop();
});
