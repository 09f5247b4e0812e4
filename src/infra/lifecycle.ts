/**
 * How the process stops: a stack of named phases, each with a time limit, run last-registered first under one
 * deadline for all. What a phase leaves undone after its limit does not hold up the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';

/** Where the phases report to; fits a pino logger. */
export interface LifecycleLog {
  debug(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

interface Phase {
  readonly name: string;
  readonly limitMs: number;
  readonly run: () => Promise<void> | void;
}

export class Lifecycle {
  readonly #phases: Phase[] = [];
  readonly #totalMs: number;
  #log: LifecycleLog;
  #stopping: Promise<boolean> | null = null;

  /** @param totalMs all phases together take no longer */
  constructor(log: LifecycleLog, totalMs: number) {
    this.#log = log;
    this.#totalMs = totalMs;
  }

  get stopping(): boolean {
    return this.#stopping !== null;
  }

  useLog(log: LifecycleLog): void {
    this.#log = log;
  }

  /** Registers what undoes the step that has just been done. */
  onStop(name: string, limitMs: number, run: () => Promise<void> | void): void {
    this.#phases.push({ name, limitMs, run });
  }

  /** Runs all phases once; later calls join the first. Resolves `false` when a phase failed or ran out of time. */
  stop(): Promise<boolean> {
    this.#stopping ??= this.#run();
    return this.#stopping;
  }

  async #run(): Promise<boolean> {
    const deadline = performance.now() + this.#totalMs;
    let clean = true;
    for (let phase = this.#phases.pop(); phase !== undefined; phase = this.#phases.pop()) {
      const limitMs = Math.max(0, Math.min(phase.limitMs, deadline - performance.now()));
      const startedAt = performance.now();
      const outcome = await runWithin(phase, limitMs);
      const fields = { phase: phase.name, durationMs: Math.round(performance.now() - startedAt) };
      if (outcome === 'done') {
        this.#log.debug(fields, 'stop phase done');
      } else {
        clean = false;
        this.#log.error(
          { ...fields, ...(outcome === 'late' ? { limitMs } : { err: outcome.error }) },
          `stop phase ${outcome === 'late' ? 'ran out of time' : 'failed'}`,
        );
      }
    }
    return clean;
  }
}

async function runWithin(phase: Phase, limitMs: number): Promise<'done' | 'late' | { error: unknown }> {
  const timer = new AbortController();
  try {
    return await Promise.race([
      Promise.resolve(phase.run()).then(() => 'done' as const),
      sleep(limitMs, 'late' as const, { signal: timer.signal }),
    ]);
  } catch (error) {
    return { error };
  } finally {
    timer.abort();
  }
}
