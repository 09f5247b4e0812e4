import { type Floor, freeFloor } from './desired-right.ts';

/** Failures further apart than this are not one absence of the store, in milliseconds. */
const ONE_ABSENCE_MS = 3_000;

/** Who may publish cannot be known now. */
export class FloorUnknown extends Error {
  override readonly name = 'FloorUnknown';
}

/**
 * Reads from the live store who may publish. A store that has not answered for longer than a lease says that nobody
 * may: no talk outlives that (floor.md invariant 6).
 */
export class FloorReader {
  readonly #publishers: (groupId: string) => Promise<Floor>;
  readonly #leaseMs: number;
  readonly #nowMs: () => number;
  #awaySinceMs: number | null = null;
  #failedAtMs = 0;

  constructor(options: {
    readonly publishers: (groupId: string) => Promise<Floor>;
    readonly leaseMs: number;
    readonly nowMs?: () => number;
  }) {
    this.#publishers = options.publishers;
    this.#leaseMs = options.leaseMs;
    this.#nowMs = options.nowMs ?? (() => performance.now());
  }

  /** Throws `FloorUnknown`. */
  async read(groupId: string): Promise<Floor> {
    try {
      const floor = await this.#publishers(groupId);
      this.#awaySinceMs = null;
      return floor;
    } catch (error) {
      const nowMs = this.#nowMs();
      if (nowMs - this.#failedAtMs > ONE_ABSENCE_MS) this.#awaySinceMs = null;
      this.#failedAtMs = nowMs;
      this.#awaySinceMs ??= nowMs;
      if (nowMs - this.#awaySinceMs > this.#leaseMs) return freeFloor;
      throw new FloorUnknown('the live store does not say who has the floor', { cause: error });
    }
  }
}
