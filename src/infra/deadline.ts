import { dependencyUnavailable } from '../errors.ts';

/** Limits how long callers wait for a dependency, and spares them the wait while it is known not to answer. */
export interface DeadlineGuard {
  /**
   * Runs `work` for `deadlineMs` at most. After a run in which nothing came, calls are refused at once, but for one
   * a second that tries again, for a second at most. Any late answer ends that. `work` is told by `expired()` that
   * nobody waits any more.
   * Throws `dependency_unavailable` and what `work` throws.
   */
  run<T>(work: (expired: () => boolean) => Promise<T>): Promise<T>;
}

const retryEveryMs = 1_000;
const retryDeadlineMs = 1_000;

export function createDeadlineGuard(options: {
  readonly dependency: string;
  readonly deadlineMs: number;
  readonly monotonicMs: () => number;
  /** Whether an error of `work` says only that nobody answered. */
  readonly isSilence: (error: unknown) => boolean;
}): DeadlineGuard {
  /** Set while the dependency is known not to answer: when the next try may begin. */
  let nextTryAtMs: number | undefined;

  function heard(): void {
    nextTryAtMs = undefined;
  }

  return {
    run: async (work) => {
      const isRetry = nextTryAtMs !== undefined;
      if (nextTryAtMs !== undefined) {
        if (options.monotonicMs() < nextTryAtMs) throw dependencyUnavailable(options.dependency);
        nextTryAtMs = options.monotonicMs() + retryEveryMs;
      }
      let isExpired = false;
      let timer: NodeJS.Timeout | undefined;
      const deadline = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(
          () => {
            isExpired = true;
            nextTryAtMs = options.monotonicMs() + retryEveryMs;
            reject(dependencyUnavailable(options.dependency));
          },
          isRetry ? Math.min(retryDeadlineMs, options.deadlineMs) : options.deadlineMs,
        );
      });
      const answer = work(() => isExpired);
      // Any answer, a refusal too, shows that somebody is there.
      answer.then(heard, (error: unknown) => {
        if (!options.isSilence(error)) heard();
      });
      try {
        return await Promise.race([answer, deadline]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
