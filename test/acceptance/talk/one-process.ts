import { startNeda } from '../../_support/neda.ts';
import { createDatabase } from '../../_support/postgres.ts';
import type { Deployment } from './scene.ts';

/** The server with the in-process live store: nobody else is there. */
export async function deployOneProcess(): Promise<Deployment> {
  const database = await createDatabase();
  const neda = await startNeda({ databaseUrl: database.url });
  return {
    here: neda,
    there: neda,
    async close() {
      await neda[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}
