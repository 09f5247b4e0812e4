import { eq, sql } from 'drizzle-orm';
import type { Queryable } from '../infra/postgres.ts';
import { liveStore } from './schema.ts';

/** One after the other, so that processes which meet a new store at once get growing numbers. */
export async function raiseGeneration(
  tx: Queryable,
  store: { readonly key: string; readonly runId: string; readonly isEmpty: boolean },
): Promise<{ readonly generation: number; readonly isReplaced: boolean }> {
  const known = await tx
    .select({ generation: liveStore.generation })
    .from(liveStore)
    .where(eq(liveStore.key, store.key))
    .for('update');
  const isNew = sql`(${liveStore.runId} <> excluded.run_id or ${store.isEmpty}::boolean)`;
  const rows = await tx
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
  const { generation } = row;
  return { generation, isReplaced: known[0] !== undefined && generation > known[0].generation };
}
