import type { Logger } from './logger.ts';

/** Work that is done again and again, never twice at a time. */
export interface Periodic {
  start(): void;
  /** Runs now, or once more right after the run that is going on. */
  trigger(): void;
  /** As `trigger`; resolves when that run is over, whether it failed or not, or there will be none. */
  runNow(): Promise<void>;
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
  /** A run that was asked for and has not begun. */
  let wanted: PromiseWithResolvers<void> | null = null;

  function plan(): void {
    if (stopping.signal.aborted) return;
    clearTimeout(timer);
    timer = setTimeout(begin, wanted === null ? options.everyMs : 0);
    timer.unref();
  }

  function begin(): void {
    const asked = wanted;
    wanted = null;
    running = run().finally(() => {
      asked?.resolve();
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

  async function runNow(): Promise<void> {
    if (stopping.signal.aborted) return;
    wanted ??= Promise.withResolvers();
    const { promise } = wanted;
    if (running === undefined) plan();
    await promise;
  }

  return {
    start: plan,
    trigger: () => {
      void runNow();
    },
    runNow,
    stop: async () => {
      stopping.abort();
      clearTimeout(timer);
      wanted?.resolve();
      await running;
    },
  };
}
