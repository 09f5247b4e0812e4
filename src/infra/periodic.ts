import type { Logger } from './logger.ts';

/** Work that is done again and again, never twice at a time. */
export interface Periodic {
  start(): void;
  /** Runs now, or once more right after the run that is going on. */
  trigger(): void;
  /** Waits for the run that is going on; nothing runs afterwards. */
  stop(): Promise<void>;
}

/**
 * Runs `work` every `everyMs` milliseconds, counted from the end of one run to the start of the next.
 * What it throws is logged and the next run comes as planned; `signal` is aborted by `stop`.
 */
export function createPeriodic(options: {
  readonly name: string;
  readonly everyMs: number;
  readonly logger: Logger;
  readonly work: (signal: AbortSignal) => Promise<void>;
}): Periodic {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isWantedAgain = false;

  function plan(): void {
    if (stopping.signal.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(begin, isWantedAgain ? 0 : options.everyMs);
    timer.unref();
  }

  function begin(): void {
    isWantedAgain = false;
    running = run().finally(() => {
      running = undefined;
      plan();
    });
  }

  async function run(): Promise<void> {
    try {
      await options.work(stopping.signal);
    } catch (error) {
      if (!stopping.signal.aborted) options.logger.warn({ err: error, periodic: options.name }, 'periodic work failed');
    }
  }

  return {
    start: plan,
    trigger: () => {
      isWantedAgain = true;
      if (running === undefined) plan();
    },
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
