import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { livingProcesses, type ProcessEntry, processTree, startedWith } from './process-table.ts';
import { StopWaiting, until } from './until.ts';

const SETPRIV = '/usr/bin/setpriv';
const MAX_KEPT_OUTPUT = 1_000_000;
/** For the end of a process that has no deadline of its own. */
const EXIT_LIMIT_MS = 15_000;

/** Servers that live now: a test process that ends early takes them with it. */
const living = new Set<ChildServer>();
process.on('exit', () => {
  for (const server of living) server.signal('SIGKILL');
});

export interface Command {
  /** Used in error messages. */
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
}

/**
 * One server process of a test, in a process group of its own (a Ctrl-C of the test run does not reach it). Signals
 * reach everything below it unless said otherwise. Output is kept for error messages.
 */
export class ChildServer {
  readonly command: Command;
  readonly #process: ChildProcess;
  readonly #exited: Promise<unknown>;
  /** An environment variable that everything below inherits, so that survivors are found after its death. */
  readonly #mark = randomUUID();
  #output = '';

  constructor(command: Command) {
    this.command = command;
    const [file, args] = dyingWithThisProcess(command);
    this.#process = spawn(file, args, {
      env: { ...command.env, TEST_PROCESS_MARK: this.#mark },
      cwd: command.cwd,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(command.uid === undefined ? {} : { uid: command.uid }),
      ...(command.gid === undefined ? {} : { gid: command.gid }),
    });
    const keep = (chunk: Buffer): void => {
      this.#output = (this.#output + chunk.toString('utf8')).slice(-MAX_KEPT_OUTPUT);
    };
    this.#process.stdout?.on('data', keep);
    this.#process.stderr?.on('data', keep);
    this.#process.on('error', (error) => keep(Buffer.from(`could not be started: ${error.message}\n`)));
    this.#exited = once(this.#process, 'close').catch(() => undefined);
    living.add(this);
  }

  /** The process id; -1 when it could not be started. */
  get pid(): number {
    return this.#process.pid ?? -1;
  }

  get running(): boolean {
    return this.#process.pid !== undefined && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  /** The exit code, or null while it runs or when a signal ended it. */
  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** The last of what it wrote, stdout and stderr together. */
  get output(): string {
    return this.#output;
  }

  /** Sends the signal to the process and everything below it. */
  signal(signal: NodeJS.Signals): void {
    for (const { pid } of processTree(this.pid)) {
      try {
        process.kill(pid, signal);
      } catch {
        // it ended meanwhile
      }
    }
  }

  /** Sends the signal to the process alone, as a service manager or a terminal-less `kill` does. */
  signalOnlyThis(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  /** Freezes the process and everything below it. */
  pause(): void {
    this.signal('SIGSTOP');
  }

  /** Lets what is frozen go on. */
  resume(): void {
    this.signal('SIGCONT');
  }

  /** Waits until `ready` is true; throws with the output when the process ends before or `limitMs` passes. */
  async untilReady(ready: () => Promise<boolean>, limitMs: number): Promise<void> {
    await until(
      async () => {
        if (!this.running) {
          throw new StopWaiting(`${this.command.name} ended with ${String(this.exitCode)}:\n${this.#output}`);
        }
        return ready();
      },
      { limitMs, describe: () => `${this.command.name} is ready. It wrote:\n${this.#output}` },
    );
  }

  /** Waits until it has written something that matches, and returns the match. */
  async untilOutput(pattern: RegExp, limitMs: number): Promise<RegExpExecArray> {
    return until(() => pattern.exec(this.#output), {
      limitMs,
      describe: () => `${this.command.name} writes ${String(pattern)}. It wrote:\n${this.#output}`,
    });
  }

  /** Waits until the process has ended and its output is read to the end; returns the exit code (null: a signal). */
  async untilExit(limitMs: number): Promise<number | null> {
    await until(() => !this.running, {
      limitMs,
      describe: () => `${this.command.name} (process ${this.pid}) ends. It wrote:\n${this.#output}`,
    });
    await this.#exited;
    living.delete(this);
    return this.exitCode;
  }

  /** `kill -9` of the process and everything below it, and waits for the end. Works on a frozen process too. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.untilExit(EXIT_LIMIT_MS);
  }

  /** Asks the process to end by `signal` and returns the exit code; kills it and throws when it does not within `limitMs`. */
  async stop(limitMs = EXIT_LIMIT_MS, signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    this.resume();
    this.signalOnlyThis(signal);
    try {
      return await this.untilExit(limitMs);
    } catch (tooLate) {
      await this.kill();
      throw tooLate;
    }
  }

  /** What it started and what still lives, also when the process itself has ended. */
  survivors(): ProcessEntry[] {
    return livingProcesses().filter(({ pid, groupId }) => groupId === this.pid || startedWith(pid, this.#mark));
  }
}

/**
 * The command, replaced by itself through setpriv, so that the kernel ends it with a test process that was killed.
 * Where there is no setpriv (it is Linux's), a killed test process leaves its servers behind.
 */
function dyingWithThisProcess({ file, args }: Command): [string, readonly string[]] {
  return existsSync(SETPRIV) ? [SETPRIV, ['--pdeathsig', 'KILL', '--', file, ...args]] : [file, args];
}

/** The little of this process's environment that a server needs: nothing that would configure it by accident. */
export function bareEnvironment(): Record<string, string> {
  const env: Record<string, string> = {};
  for (const name of ['PATH', 'HOME', 'TMPDIR', 'LANG', 'XDG_CACHE_HOME']) {
    const value = process.env[name];
    if (value !== undefined) env[name] = value;
  }
  return env;
}
