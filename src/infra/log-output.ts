import { type DestinationStream, pino } from 'pino';

/** So long a line may wait for others: one system call writes them all. */
const GATHER_MS = 20;
/** So many characters do not wait. */
const MOST_WAITING = 16_384;
/** pino's number of the level `error`: whoever looks for a fault finds it at once. */
const ERROR_LEVEL = 50;

interface LevelledStream extends DestinationStream {
  /** Set by pino before each line. */
  lastLevel: number;
}

/** Where lines wait for others; `flush` passes on what waits, and is to be called when the process ends. */
export function gatherLines(output: DestinationStream): { readonly lines: LevelledStream; readonly flush: () => void } {
  let waiting = '';
  let timer: NodeJS.Timeout | null = null;
  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const text = waiting;
    waiting = '';
    if (text !== '') output.write(text);
  };
  const lines = {
    lastLevel: 0,
    write(line: string): void {
      waiting += line;
      if (this.lastLevel >= ERROR_LEVEL || waiting.length >= MOST_WAITING) flush();
      else timer ??= setTimeout(flush, GATHER_MS).unref();
    },
    // Asks pino for `lastLevel`.
    [Symbol.for('pino.metadata')]: true,
  };
  return { lines, flush };
}

/**
 * Standard output for log lines. One system call for each line of each talk, which wakes whoever reads them, cost more
 * than the rest of a talk's bookkeeping. Only `kill -9` loses what waits.
 */
export const { lines: logOutput, flush: flushLog } = gatherLines(pino.destination({ dest: 1, sync: true }));
