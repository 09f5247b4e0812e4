import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { bareEnvironment } from './child-server.ts';

const REPOSITORY = join(import.meta.dirname, '..', '..');
const LIMIT_MS = 90_000;

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** The working directory, where `.env` and the data folder are looked for. */
  readonly directory: string;
  /** Written to standard input, which then ends. */
  readonly input?: string;
}

export interface CommandResult {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const node = join(REPOSITORY, 'node_modules', '.bin', 'node');
const entry = join(REPOSITORY, 'src', 'main.ts');

/** Runs `node src/main.ts <args>` to its end, with an environment of its own. */
export async function runCommand(args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  return run(node, [entry, ...args], options);
}

/**
 * The same in a terminal of its own. Each of `typed` is written when the screen shows its question; what the screen
 * showed comes back as `stdout`.
 */
export async function runInTerminal(
  args: readonly string[],
  options: CommandOptions & { readonly typed: readonly (readonly [question: string, keys: string])[] },
): Promise<CommandResult> {
  const command = [node, entry, ...args].map((word) => `'${word}'`).join(' ');
  const child = start('script', ['--quiet', '--return', '--command', command, '/dev/null'], options);
  const waiting = [...options.typed];
  let screen = '';
  let seen = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    screen += chunk.toString('utf8');
    const [next] = waiting;
    const found = next === undefined ? -1 : screen.indexOf(next[0], seen);
    if (next === undefined || found < 0) return;
    seen = found + next[0].length;
    waiting.shift();
    child.stdin.write(next[1]);
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  if (waiting.length > 0)
    throw new Error(`the terminal never asked "${waiting[0]?.[0]}". It showed:\n${screen}${stderr}`);
  return { code: child.exitCode, stdout: screen, stderr };
}

/** Runs `npm run <script> -- <args>` of the repository. */
export async function runScript(
  script: string,
  args: readonly string[],
  options: Omit<CommandOptions, 'directory'>,
): Promise<CommandResult> {
  return run('npm', ['run', '--silent', script, '--', ...args], { ...options, directory: REPOSITORY });
}

async function run(file: string, args: readonly string[], options: CommandOptions): Promise<CommandResult> {
  const child = start(file, args, options);
  child.stdin.end(options.input ?? '');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout, stderr };
}

function start(file: string, args: readonly string[], { env, directory }: CommandOptions) {
  const child = spawn(file, args, {
    cwd: directory,
    env: { ...bareEnvironment(), ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  // It may end without having read what was written.
  child.stdin.on('error', () => undefined);
  return child;
}
