import type { MediaServer } from '../media/index.ts';

/** One confirmed withdrawal may take this long (media.md: one budget of 1 500 ms). */
const WITHDRAWAL_BUDGET_MS = 1_500;

/**
 * Takes the right to publish from whoever has not got the floor any more. An identity stays in the store's `rights`
 * until its withdrawal is confirmed, so whatever fails here is met again by the next step in the group.
 */
export class Withdrawals {
  readonly #media: MediaServer;
  readonly #cleared: (groupId: string, identities: readonly string[]) => Promise<void>;
  readonly #onError: (error: unknown) => void;
  readonly #running = new Set<string>();

  constructor(options: {
    readonly media: MediaServer;
    readonly cleared: (groupId: string, identities: readonly string[]) => Promise<void>;
    readonly onError: (error: unknown) => void;
  }) {
    this.#media = options.media;
    this.#cleared = options.cleared;
    this.#onError = options.onError;
  }

  /** Withdraws in the background; a withdrawal that is under way is not begun twice. */
  begin(groupId: string, identities: readonly string[]): void {
    for (const identity of identities) {
      const key = `${groupId} ${identity}`;
      if (this.#running.has(key)) continue;
      this.#running.add(key);
      this.now(groupId, [identity], WITHDRAWAL_BUDGET_MS)
        .catch(this.#onError)
        .finally(() => this.#running.delete(key));
    }
  }

  /** Resolves when every right is confirmed to be gone. Throws `MediaUnavailable` beyond the budget. */
  async now(groupId: string, identities: readonly string[], budgetMs: number): Promise<void> {
    await Promise.all(identities.map((identity) => this.#media.withdrawSpeaking(groupId, identity, budgetMs)));
    if (identities.length > 0) await this.#cleared(groupId, identities);
  }
}
