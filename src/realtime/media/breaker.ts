import { circuitBreaker, CircuitState, ConsecutiveBreaker, handleWhen } from 'cockatiel';
import { CallFailed } from './call-failed.ts';

/** So many failures in a row, of calls and looks, and the media server counts as away. */
const FAILURES = 3;

/** What a breaker tells. */
export interface BreakerEvents {
  /** A call or a look has failed because of the media server; the state follows it. */
  onFailure(failure: CallFailed): void;
  /** No more calls are made. Told again for each look that finds it so still. */
  onOpen(): void;
  /** Calls are made again. */
  onClosed(): void;
}

/**
 * The one place that knows whether the media server can be used now. Calls pass while it can; while it cannot, looks do,
 * and the first that succeeds lets calls pass again. No call is ever the one that finds out: nobody waits for it.
 */
export class MediaBreaker {
  readonly #policy = circuitBreaker(
    handleWhen((error) => error instanceof CallFailed && error.isOutage),
    // When to look again is for whoever looks: the library's clock is the wall's, which may be set back.
    { breaker: new ConsecutiveBreaker(FAILURES), halfOpenAfter: Number.NEGATIVE_INFINITY },
  );

  get isClosed(): boolean {
    return this.#policy.state === CircuitState.Closed;
  }

  tell(events: BreakerEvents): void {
    this.#policy.onFailure(({ handled, reason }) => {
      if (handled && 'error' in reason && reason.error instanceof CallFailed) events.onFailure(reason.error);
    });
    this.#policy.onBreak(() => events.onOpen());
    this.#policy.onReset(() => events.onClosed());
  }

  /** Makes a call, whose failures are `CallFailed`. Throws one at once, without making it, while it is of no use. */
  async call<Result>(make: () => Promise<Result>): Promise<Result> {
    if (!this.isClosed) throw new CallFailed('held_back');
    return this.#policy.execute(make);
  }

  /** Makes a call that shows whether the media server can be used; one at a time. */
  look(make: () => Promise<void>): Promise<void> {
    return this.#policy.execute(make);
  }
}
