import { randomUUID } from 'node:crypto';
import { readConfig, type Config, type Settings } from '../config.ts';
import { AppError } from '../errors.ts';
import { createLogger } from '../infra/logger.ts';
import { migrate } from '../infra/migrate.ts';
import { checkPostgres, checkSchema } from '../infra/preflight.ts';
import { StartFault, usageExitCode } from '../infra/start-fault.ts';
import type { Plan, Subcommand } from './admin/subcommand.ts';
import { create, list, pairingCode, resetPassword } from './admin/users.ts';
import type { Command, CommandRun } from './command.ts';
import { generatePassword, readPassword } from './password.ts';
import { provide, readEnvironment } from './settings.ts';

const subcommands: Readonly<Record<string, Subcommand>> = {
  create,
  'reset-password': resetPassword,
  list,
  'pairing-code': pairingCode,
};

/** What admins do without a server to ask: through the same services, so it is audited and heard by running servers. */
export const adminCommand: Command = {
  summary: 'make and look up users, set passwords, make pairing codes (admin --help)',
  isService: false,
  run: async (run) => {
    const { args, stdout } = run.terminal;
    const [name, ...rest] = args;
    if (name === undefined) throw new StartFault(help(), usageExitCode);
    if (isHelp(name)) {
      stdout.write(help());
      return 0;
    }
    const subcommand = Object.hasOwn(subcommands, name) ? subcommands[name] : undefined;
    if (subcommand === undefined) throw new StartFault(`"${name}" is not there.\n\n${help()}`, usageExitCode);
    if (rest.some(isHelp)) {
      stdout.write(helpOf(name, subcommand));
      return 0;
    }
    await carryOut(subcommand.plan(rest), run);
    return 0;
  },
};

async function carryOut(plan: Plan, run: CommandRun): Promise<void> {
  const { stdout } = run.terminal;
  const settings = readConfig(readEnvironment(run.terminal));
  const wanted = plan.password;
  const password =
    wanted === null ? null : wanted.isGenerated ? generatePassword() : await readPassword(run, wanted.whose);
  run.step();
  const { config } = await provide(settings, run, 'command');
  await prepareDatabase(settings, config);
  run.step();

  // What is said of the change goes to the terminal, not to a log; trouble goes to standard error.
  const { createCore } = await import('../core.ts');
  const logger = createLogger({ name: config.appName, level: 'warn' }, run.terminal.stderr);
  const core = createCore(config, { logger });
  run.lifecycle.onStop('database', 1_500, () => core.close());
  const origin = { actor: { type: 'system' }, requestId: `command-${randomUUID()}` } as const;
  try {
    stdout.write(`${await plan.run({ core, origin, password })}\n`);
  } catch (error) {
    throw inOwnWords(error);
  }
  if (wanted?.isGenerated === true && password !== null) {
    stdout.write(`Password: ${password.reveal()}   (shown this once)\n`);
  }
}

/** An embedded database is this release's own; one that was given is not changed by the way. */
async function prepareDatabase(settings: Settings, config: Config): Promise<void> {
  if (settings.database === null) {
    await migrate(config.database.url.reveal());
    return;
  }
  await checkPostgres(config.database.url);
  await checkSchema(config.database.url);
}

/** Refusals are about people here, not about requests. */
function inOwnWords(error: unknown): unknown {
  if (!(error instanceof AppError) || error.code === 'dependency_unavailable' || error.errors === undefined)
    return error;
  return new StartFault(error.errors.map(({ path, message }) => `The ${path} ${message}.`).join('\n'));
}

function isHelp(word: string): boolean {
  return word === '--help' || word === '-h';
}

function help(): string {
  const lines = Object.entries(subcommands).map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}`);
  return `npm run admin -- <what> …

${lines.join('\n')}

Each has a --help of its own. They read the same environment and .env as the server, need its database only, and may
be used while it runs or not: a running server hears of the change at once.

Exit codes:
   0  done
   1  it could not be done: the name is taken, there is no such user, the password is refused, …
   2  the command line is wrong
  69  the database does not answer
  78  the configuration has faults
 130  interrupted
`;
}

function helpOf(name: string, { usage, summary, details }: Subcommand): string {
  return `npm run admin -- ${name} ${usage}\n\n${summary}\n\n${details}\n`;
}
