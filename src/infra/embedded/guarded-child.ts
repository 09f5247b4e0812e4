/**
 * A server process that lives no longer than this one. It runs in a session of its own, so that Ctrl-C in a terminal
 * reaches this process only and servers stop in order. A small shell process holds a pipe from here: when this
 * process is gone without having said so (kill -9 included), the pipe ends and the shell stops the server.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartFault } from '../start-fault.ts';

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The user to run as; absent: that of this process. */
  readonly user?: { readonly uid: number; readonly gid: number };
  /** Where its output goes. */
  readonly logFile: string;
  /** Adds to what the file holds already; else the file is written anew. */
  readonly keepsLog?: boolean;
  /** Sent one after the other until it is gone, each with the time it gets. SIGKILL follows by itself. */
  readonly stopSignals: readonly (readonly [signal: NodeJS.Signals, waitMs: number])[];
}

export interface GuardedChild {
  readonly pid: number;
  /** Resolves when the process is gone, however it went. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  hasExited(): boolean;
  /** Resolves when it is gone. Later calls join the first. */
  stop(): Promise<void>;
}

const serverEnvironment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
  TZ: 'UTC',
};

/** Starts the program and its guard. Throws {@link StartFault} when it cannot be executed. */
export async function startGuarded(program: Program): Promise<GuardedChild> {
  const log = openSync(program.logFile, program.keepsLog === true ? 'a' : 'w', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(program.command, [...program.args], {
      cwd: program.cwd,
      env: serverEnvironment,
      detached: true,
      stdio: ['ignore', log, log],
      ...program.user,
    });
  } finally {
    closeSync(log);
  }
  await new Promise<void>((resolve, reject) => {
    child.once('spawn', resolve);
    child.once('error', (error) => reject(new StartFault(`${program.command} cannot be started: ${error.message}`)));
  });
  const pid = child.pid;
  if (pid === undefined) throw new StartFault(`${program.command} cannot be started`);

  const release = startGuard(pid, program);
  let gone = false;
  const exited = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = true;
      release();
      resolve({ code, signal });
    });
  });

  async function stopInSteps(): Promise<void> {
    for (const [signal, waitMs] of program.stopSignals) {
      if (gone) return;
      child.kill(signal);
      const timer = new AbortController();
      await Promise.race([exited, sleep(waitMs, undefined, { signal: timer.signal }).catch(() => undefined)]);
      timer.abort();
    }
    if (gone) return;
    child.kill('SIGKILL');
    await exited;
  }

  let stopping: Promise<void> | null = null;
  return { pid, exited, hasExited: () => gone, stop: () => (stopping ??= stopInSteps()) };
}

/** `$1` is the server, the rest are pairs of a signal and the seconds it gets. */
const guardScript = `trap '' INT TERM HUP QUIT
read -r word
[ "$word" = released ] && exit 0
pid=$1
shift
while [ $# -gt 1 ]; do
  kill -s "$1" "$pid" 2>/dev/null || exit 0
  left=$(( $2 * 10 ))
  while [ $left -gt 0 ]; do
    kill -0 "$pid" 2>/dev/null || exit 0
    sleep 0.1
    left=$(( left - 1 ))
  done
  shift 2
done
kill -s KILL "$pid" 2>/dev/null`;

/** Returns what tells the guard that the server is gone and it may go too. */
function startGuard(pid: number, { stopSignals, logFile }: Program): () => void {
  const steps = stopSignals.flatMap(([signal, waitMs]) => [
    signal.slice('SIG'.length),
    String(Math.ceil(waitMs / 1000)),
  ]);
  const guard = spawn('/bin/sh', ['-c', guardScript, `neda-guard of ${logFile}`, String(pid), ...steps], {
    cwd: '/',
    env: serverEnvironment,
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.on('error', () => undefined);
  guard.stdin?.on('error', () => undefined);
  return () => void guard.stdin?.end('released\n');
}
