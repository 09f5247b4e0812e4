import { setTimeout as sleep } from 'node:timers/promises';
import { findCommand, listOfCommands, type CommandRun } from './commands/index.ts';
import { ConfigFault } from './config.ts';
import { AppError } from './errors.ts';
import { Lifecycle } from './infra/lifecycle.ts';
import { flushLog } from './infra/log-output.ts';
import type { Logger } from './infra/logger.ts';
import { configExitCode, StartFault, unavailableExitCode, usageExitCode } from './infra/start-fault.ts';

/** All phases of stopping together; the process promises 10 s. */
const stopMs = 9_000;
/** After this the process goes without waiting: the guards stop what it started. */
const hardStopMs = 9_600;
/** How long a step of the start that is under way may go on after a signal. */
const abandonStartMs = 2_000;
const parentLookMs = 500;
/** As a shell counts a command that Ctrl-C ended. */
const interruptedExitCode = 130;

const ending = new AbortController();
let exitCode = 0;
let logger: Logger | null = null;
const log = {
  debug: (fields: object, message: string) => logger?.debug(fields, message),
  warn: (fields: object, message: string) => logger?.warn(fields, message),
  error: (fields: object, message: string) => logger?.error(fields, message),
};
const lifecycle = new Lifecycle(log, stopMs);

const [commandName = 'serve', ...commandArgs] = withCommand(process.argv.slice(2));
await main(commandName, commandArgs);

async function main(name: string, args: readonly string[]): Promise<void> {
  watchSignals();
  watchParent();
  process.on('exit', flushLog);
  const isService = findCommand(name)?.isService ?? false;
  try {
    const code = await Promise.race([runCommand(name, args), abandoned()]);
    exitCode ||= code ?? (isService ? 0 : interruptedExitCode);
  } catch (error) {
    if (!ending.signal.aborted) {
      exitCode = exitCodeOf(error);
      complain(error);
    } else if (!isService) {
      exitCode ||= interruptedExitCode;
    }
  }
  setTimeout(() => process.exit(exitCode || 1), hardStopMs);
  const isClean = await lifecycle.stop();
  process.exit(exitCode || (isClean ? 0 : 1));
}

/** Options without a command are those of the server, as in `npm start -- --lan`. */
function withCommand(words: readonly string[]): readonly string[] {
  const [first = ''] = words;
  return first.startsWith('-') && !isHelp(first) ? ['serve', ...words] : words;
}

function isHelp(word: string): boolean {
  return ['--help', '-h', 'help'].includes(word);
}

async function runCommand(name: string, args: readonly string[]): Promise<number> {
  if (isHelp(name)) {
    process.stdout.write(listOfCommands());
    return 0;
  }
  const command = findCommand(name);
  if (command === null) throw new StartFault(`"${name}" is not a command.\n\n${listOfCommands()}`, usageExitCode);
  const run: CommandRun = {
    terminal: {
      args,
      environment: process.env,
      // Opened only when it is asked for.
      get stdin() {
        return process.stdin;
      },
      stdout: process.stdout,
      stderr: process.stderr,
      pid: process.pid,
      workingDir: process.cwd(),
    },
    lifecycle,
    ending: ending.signal,
    end,
    step: () => ending.signal.throwIfAborted(),
    log,
    useLogger: (given) => {
      logger = given;
    },
  };
  return command.run(run);
}

function exitCodeOf(error: unknown): number {
  if (error instanceof StartFault) return error.exitCode;
  if (error instanceof ConfigFault) return configExitCode;
  return error instanceof AppError && error.code === 'dependency_unavailable' ? unavailableExitCode : 1;
}

/** Ctrl-C reaches the process twice under npm, from the terminal and from npm: more of the same changes nothing. */
function watchSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (!ending.signal.aborted) logger?.info({ signal }, 'stopping');
      end(0);
    });
  }
  // A terminal that was closed takes no more lines; the process stops as after SIGHUP.
  process.stdout.on('error', () => end(0));
  process.stderr.on('error', () => end(0));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    process.on(event, (error: unknown) => {
      if (logger) logger.fatal({ err: error, event }, 'an error that nobody caught; the process stops');
      else complain(error);
      end(1);
    });
  }
}

/** Under npm, the process goes with npm: who kills npm (kill -9 included) does not look for what it ran. */
function watchParent(): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const parentPid = process.ppid;
  setInterval(() => {
    if (process.ppid !== parentPid) end(0);
  }, parentLookMs).unref();
}

function end(code: number): void {
  exitCode ||= code;
  ending.abort();
}

/** Resolves when the process is to end and what was under way had its time. */
async function abandoned(): Promise<null> {
  await new Promise<void>((resolve) => {
    if (ending.signal.aborted) resolve();
    else ending.signal.addEventListener('abort', () => resolve(), { once: true });
  });
  await sleep(abandonStartMs);
  return null;
}

/** A fault that the operator can mend is said in its own words; anything else with its stack. */
function complain(error: unknown): void {
  const text =
    error instanceof StartFault || error instanceof ConfigFault || error instanceof AppError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`${text}\n`);
}
