import { setTimeout as pause } from 'node:timers/promises';
import type { MediaBreaker } from './breaker.ts';
import { CallFailed } from './call-failed.ts';
import type { MediaLog } from './media-log.ts';

/** Limit of one look; three that fail make an answer within the 2 s that any request may take (media.md). */
const LOOK_LIMIT_MS = 400;
/** A look that is under way at a sign of life may be from before it. */
const LOOKS_AT_LIFE = 2;
/** What is known counts for so long. */
const FRESH_MS = 1_000;
/**
 * Pauses until the next look: in doubt, while it cannot be used, and while it can. The last is shorter than `fetch` keeps
 * a connection (4 s): a look, and a grant, at a media server far away need not make a new one first.
 */
const PAUSES_MS = { doubt: 100, away: 1_000, usable: 3_000 } as const;

export interface MediaHealthOptions {
  readonly breaker: MediaBreaker;
  /** Succeeds when the media server can be used; throws `CallFailed`. */
  readonly look: (limitMs: number) => Promise<void>;
  readonly log: MediaLog;
}

/**
 * Keeps looking whether the media server can be used, so that its absence and its return are noticed by themselves, and
 * tells of both: a change is one log line. The state itself is the breaker's.
 */
export class MediaHealth {
  readonly #breaker: MediaBreaker;
  readonly #look: (limitMs: number) => Promise<void>;
  readonly #log: MediaLog;
  readonly #onBack = new Set<() => void>();
  #knownAtMs = Number.NEGATIVE_INFINITY;
  #finding: Promise<void> | undefined;
  #nextLook: NodeJS.Timeout | undefined;
  #failure: CallFailed | null = null;
  #told: 'usable' | 'away' | 'unauthorized' = 'usable';
  /** It may have been started again since it was seen last, and may have forgotten everything. */
  #mayHaveBeenAway = false;
  #closed = false;

  constructor({ breaker, look, log }: MediaHealthOptions) {
    this.#breaker = breaker;
    this.#look = look;
    this.#log = log;
    breaker.tell({
      onFailure: (failure) => this.#doubt(failure),
      onOpen: () => this.#tellAway(),
      onClosed: () => this.#tellUsable(),
    });
    this.#lookIn(0);
  }

  /** At most a second old. */
  async state(): Promise<'ok' | 'down'> {
    if (performance.now() - this.#knownAtMs >= FRESH_MS) await this.#findOut();
    return this.#breaker.isClosed ? 'ok' : 'down';
  }

  /** The media server has told something itself: where it counts as away, that is looked at now. */
  async showedLife(): Promise<void> {
    for (let look = 0; look < LOOKS_AT_LIFE && !this.#breaker.isClosed; look += 1) await this.#findOut();
  }

  /**
   * `listener` is called each time the media server answers again after it was, or only may have been, away: also when
   * it was started again so quickly that hardly a call has failed. Returns how to stop that.
   */
  onBack(listener: () => void): () => void {
    this.#onBack.add(listener);
    return () => void this.#onBack.delete(listener);
  }

  close(): void {
    this.#closed = true;
    this.#onBack.clear();
    clearTimeout(this.#nextLook);
  }

  #doubt(failure: CallFailed): void {
    this.#failure = failure;
    this.#knownAtMs = Number.NEGATIVE_INFINITY;
    if (failure.isBrokenLink) this.#mayHaveBeenAway = true;
    if (!this.#closed) void this.#findOut();
  }

  /** Looks until one look has succeeded, or enough have failed. */
  #findOut(): Promise<void> {
    this.#finding ??= this.#lookUntilKnown().finally(() => {
      this.#finding = undefined;
      this.#lookIn(this.#breaker.isClosed ? PAUSES_MS.usable : PAUSES_MS.away);
    });
    return this.#finding;
  }

  async #lookUntilKnown(): Promise<void> {
    for (;;) {
      const beganAtMs = performance.now();
      const isSeen = await this.#lookOnce();
      this.#knownAtMs = performance.now();
      if (isSeen || !this.#breaker.isClosed || this.#closed) return;
      await pause(Math.max(0, beganAtMs + PAUSES_MS.doubt - this.#knownAtMs), undefined, { ref: false });
    }
  }

  async #lookOnce(): Promise<boolean> {
    try {
      await this.#breaker.look(() => this.#look(LOOK_LIMIT_MS));
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      this.#mayHaveBeenAway = true;
      return false;
    }
    if (!this.#mayHaveBeenAway || !this.#breaker.isClosed) return true;
    this.#mayHaveBeenAway = false;
    for (const listener of this.#onBack) listener();
    return true;
  }

  #lookIn(delayMs: number): void {
    clearTimeout(this.#nextLook);
    if (this.#closed) return;
    this.#nextLook = setTimeout(() => void this.#findOut(), delayMs).unref();
  }

  #tellAway(): void {
    const { fault, detail } = this.#failure ?? new CallFailed('unreachable');
    const now = fault === 'unauthorized' ? 'unauthorized' : 'away';
    if (this.#closed || this.#told === now) return;
    this.#told = now;
    const fields = { reason: fault, ...(detail === null ? {} : { detail }) };
    if (now === 'away') this.#log.warn(fields, 'media server cannot be used');
    else this.#log.warn(fields, 'media server does not accept LIVEKIT_API_KEY and LIVEKIT_API_SECRET');
  }

  #tellUsable(): void {
    if (this.#closed || this.#told === 'usable') return;
    this.#told = 'usable';
    this.#log.info({}, 'media server can be used again');
  }
}
