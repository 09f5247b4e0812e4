import { startNeda } from '../_support/neda.ts';
import { createDatabase } from '../_support/postgres.ts';
import { describeAudio } from './audio-scenarios.ts';

describeAudio('one process without Redis', async () => {
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
});
