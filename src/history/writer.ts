import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { AppError } from '../errors.ts';
import type { RunChange } from '../infra/change.ts';
import type { Logger } from '../infra/logger.ts';
import type { Metrics } from '../infra/metrics.ts';
import type { Outbox } from '../infra/outbox/index.ts';
import { refusesData } from '../infra/postgres.ts';
import type { FloorHistorySource, HistoryEntry } from '../realtime/index.ts';
import { ContradictingRecord, storeBatch } from './batch.ts';
import { readRecord, type StorableRecord } from './records.ts';
import { insertRejected } from './repo.ts';

/** Records that one transaction stores at most. */
const batchSize = 200;

export interface WriterParts {
  readonly source: FloorHistorySource;
  readonly runChange: RunChange;
  readonly outbox: Outbox;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface ReadEntry {
  readonly entry: HistoryEntry;
  readonly record: StorableRecord;
}

/**
 * Carries what the live store has noted into PostgreSQL. Returns a function that stores what is pending, batch by
 * batch, until nothing is left or `signal` is aborted: a record is confirmed to the live store only after its commit,
 * so that what dies in between is done again, by anyone. Several processes may store the same records at once. A
 * record that PostgreSQL can never take is put aside in `history_rejected` and holds up no other.
 *
 * Throws `FloorStoreUnavailable` and `dependency_unavailable`; nothing is lost then.
 */
export function createWriter(parts: WriterParts): (signal: AbortSignal) => Promise<void> {
  const { source, runChange, outbox, logger, metrics } = parts;
  const talks = metrics.counter('neda_history_talks_total', 'Finished talks that this process stored');
  const rejections = metrics.counter('neda_history_rejected_total', 'Records put aside as they cannot be stored', [
    'kind',
  ]);

  async function store(entries: readonly ReadEntry[]): Promise<void> {
    if (entries.length === 0) return;
    try {
      const records = entries.map(({ record }) => record);
      talks.inc(await runChange(ownOrigin(), (context) => storeBatch(context, outbox, records)));
    } catch (error) {
      if (!isRefused(error)) throw error;
      const [only, second] = entries;
      if (only !== undefined && second === undefined) {
        await putAside(only.entry, reasonOf(error));
        return;
      }
      // One of them is at fault: the others are stored, in their order.
      const middle = Math.ceil(entries.length / 2);
      await store(entries.slice(0, middle));
      await store(entries.slice(middle));
    }
  }

  async function putAside(entry: HistoryEntry, reason: string): Promise<void> {
    const { groupId, recordId } = entry;
    const record = JSON.stringify(entry.record);
    const fingerprint = createHash('sha256')
      .update(JSON.stringify([groupId, recordId, record]))
      .digest('hex');
    const row = { fingerprint, groupId: storableText(groupId), record, reason };
    await runChange(ownOrigin(), (context) => insertRejected(context.tx, row));
    rejections.inc({ kind: entry.record.kind });
    logger.error({ groupId, recordId, fingerprint, reason }, 'a history record cannot be stored and was put aside');
  }

  return async (signal) => {
    let hasMore = true;
    while (hasMore && !signal.aborted) {
      const entries = await source.pending(batchSize);
      hasMore = entries.length === batchSize;
      const good: ReadEntry[] = [];
      for (const entry of entries) {
        const read = readRecord(entry);
        if ('record' in read) good.push({ entry, record: read.record });
        else await putAside(entry, read.reason);
      }
      await store(good);
      if (entries.length > 0) await source.confirm(entries);
    }
  };
}

function ownOrigin() {
  return { actor: { type: 'system' }, requestId: uuidv7() } as const;
}

function isRefused(error: unknown): boolean {
  return error instanceof ContradictingRecord || refusesData(error);
}

function reasonOf(error: unknown): string {
  const fault = error instanceof AppError ? error.cause : error;
  return storableText(fault instanceof Error ? fault.message : 'PostgreSQL refused it');
}

/** Without what PostgreSQL keeps in no text. */
function storableText(text: string): string {
  return text.replaceAll('\0', '\u{FFFD}').toWellFormed();
}
