import { adminCommand } from './admin.ts';
import type { Command } from './command.ts';
import { doctorCommand } from './doctor.ts';
import { migrateCommand } from './migrate.ts';
import { serveCommand } from './serve.ts';

export type { Command, CommandRun } from './command.ts';

const commands: Readonly<Record<string, Command>> = {
  serve: serveCommand,
  migrate: migrateCommand,
  admin: adminCommand,
  doctor: doctorCommand,
};

/** The command of that name, or `null`. */
export function findCommand(name: string): Command | null {
  return Object.hasOwn(commands, name) ? (commands[name] ?? null) : null;
}

/** What `node src/main.ts --help` says. */
export function listOfCommands(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(9)}${summary}`);
  return ['node src/main.ts [command] [options]      (without a command: serve)', '', ...lines, ''].join('\n');
}
