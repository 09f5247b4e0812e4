import type { MediaLog } from './media-log.ts';

const PROBE_LIMIT_MS = 500;
const FRESH_MS = 1_000;

/**
 * Whether the media server can be used now. An answer is kept for a second, concurrent askers share one probe, and
 * a change is one log line. While it is down it is probed every second, so that its return is noticed by itself.
 */
export class MediaHealth {
  readonly #host: string;
  readonly #probeRooms: (limitMs: number) => Promise<void>;
  readonly #log: MediaLog;
  #state: 'ok' | 'down' | undefined;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  #probe: Promise<'ok' | 'down'> | undefined;
  #watch: NodeJS.Timeout | undefined;
  #closed = false;
  readonly #onBack = new Set<() => void>();

  constructor(host: string, probeRooms: (limitMs: number) => Promise<void>, log: MediaLog) {
    this.#host = host;
    this.#probeRooms = probeRooms;
    this.#log = log;
  }

  /** At most a second old. */
  async state(): Promise<'ok' | 'down'> {
    if (this.#state !== undefined && performance.now() - this.#probedAtMs < FRESH_MS) return this.#state;
    this.#probe ??= this.#ask().finally(() => {
      this.#probe = undefined;
    });
    return this.#probe;
  }

  /** A call has just failed: what was known of the state does not count any more. */
  suspect(): void {
    if (this.#closed) return;
    this.#probedAtMs = Number.NEGATIVE_INFINITY;
    void this.state();
  }

  /** `listener` is called each time the media server can be used again after it could not. Returns how to stop that. */
  onBack(listener: () => void): () => void {
    this.#onBack.add(listener);
    return () => void this.#onBack.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#onBack.clear();
    clearInterval(this.#watch);
  }

  async #ask(): Promise<'ok' | 'down'> {
    let now: 'ok' | 'down' = 'ok';
    let reason = '';
    try {
      const answer = await fetch(this.#host, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`GET / answered ${answer.status}`);
      await this.#probeRooms(PROBE_LIMIT_MS);
    } catch (error) {
      now = 'down';
      reason = reasonOf(error);
    }
    const before = this.#state;
    this.#state = now;
    this.#probedAtMs = performance.now();
    if (this.#closed || before === now) return now;
    if (now === 'down') {
      this.#log.warn({ reason }, 'media server cannot be used');
      this.#watch = setInterval(() => this.suspect(), FRESH_MS).unref();
    } else {
      clearInterval(this.#watch);
      if (before === 'down') {
        this.#log.info({}, 'media server can be used again');
        for (const listener of this.#onBack) listener();
      }
    }
    return now;
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
