import { readConfig } from '../config.ts';
import { migrate } from '../infra/migrate.ts';
import { checkPostgres } from '../infra/preflight.ts';
import type { Command } from './command.ts';
import { provide, readEnvironment } from './settings.ts';

export const migrateCommand: Command = {
  summary: 'bring the database to the schema of this release, and end',
  isService: false,
  run: async (run) => {
    const settings = readConfig(readEnvironment(run.terminal));
    const { config } = await provide(settings, run, 'command');
    if (settings.database) await checkPostgres(config.database.url);
    await migrate(config.database.url.reveal());
    run.terminal.stdout.write('The database has the schema of this release.\n');
    return 0;
  },
};
