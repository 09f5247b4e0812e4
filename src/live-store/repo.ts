import { sql } from 'drizzle-orm';
import type { Queryable } from '../infra/postgres.ts';
import { liveStore } from './schema.ts';

/** One statement, so that processes which meet a new store at once get growing numbers. */
export async function raiseGeneration(
  query: Queryable,
  store: { readonly key: string; readonly runId: string; readonly isEmpty: boolean },
): Promise<number> {
  const isNew = sql`(${liveStore.runId} <> excluded.run_id or ${store.isEmpty}::boolean)`;
  const rows = await query
    .insert(liveStore)
    .values({ key: store.key, runId: store.runId, generation: 1 })
    .onConflictDoUpdate({
      target: liveStore.key,
      set: {
        generation: sql`case when ${isNew} then ${liveStore.generation} + 1 else ${liveStore.generation} end`,
        runId: sql`excluded.run_id`,
        updatedAt: sql`now()`,
      },
    })
    .returning({ generation: liveStore.generation });
  const row = rows[0];
  if (row === undefined) throw new Error('an upsert returned no row');
  return row.generation;
}
