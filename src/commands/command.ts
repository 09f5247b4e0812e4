import type { Readable, Writable } from 'node:stream';
import type { EmbeddedLog } from '../infra/embedded/index.ts';
import type { Lifecycle } from '../infra/lifecycle.ts';
import type { Logger } from '../infra/logger.ts';

/** What a command sees of the process it runs in. */
export interface Terminal {
  /** What stands behind the command's name. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** `isTTY`: somebody types. */
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable;
  readonly pid: number;
  readonly workingDir: string;
}

/** One run of a command. */
export interface CommandRun {
  readonly terminal: Terminal;
  /** What the command opens it registers here; it is closed after the command, however that ends. */
  readonly lifecycle: Lifecycle;
  /** Aborted when the process is to end: by a signal, a lost lock, or an error that nobody caught. */
  readonly ending: AbortSignal;
  /** Ends the process in order; the first code other than 0 counts. */
  end(exitCode: number): void;
  /** Between the steps of a start: throws when the process is to end. */
  step(): void;
  /** To the logger that was given, and nowhere as long as none was. */
  readonly log: EmbeddedLog;
  /** Where the process itself reports from now on. */
  useLogger(logger: Logger): void;
}

export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** A service: being told to end is how it ends well. Of any other command it is an interruption. */
  readonly isService: boolean;
  /** Resolves to the exit code. Throws `StartFault` and `ConfigFault` for what is said in one line, `AppError`. */
  run(run: CommandRun): Promise<number>;
}
