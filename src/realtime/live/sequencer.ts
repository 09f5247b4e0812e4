import type { NumberedEnvelope } from '../floor/index.ts';

export interface Position {
  readonly epoch: number;
  readonly seq: number;
}

export interface SequencerHandler {
  /** Each event once, in the order of its numbers. */
  deliver(event: NumberedEnvelope): void;
  /** Numbers are missing before what has come: they may still be on their way. */
  onGap(): void;
  /** Another epoch has begun: only a snapshot can tell what is. */
  onNewEpoch(): void;
}

/** Events that may be held back while earlier ones are missing. */
const MOST_HELD = 1_024;

/**
 * Merges what scripts answer with what the bus brings: each numbered event of a group exactly once and in order
 * (floor.md "Beyond one process": one sequencer a group and process).
 */
export class Sequencer {
  readonly #handler: SequencerHandler;
  readonly #held = new Map<number, NumberedEnvelope>();
  #position: Position | null = null;

  constructor(handler: SequencerHandler) {
    this.#handler = handler;
  }

  /** The last event that was delivered; null before the first snapshot. */
  get position(): Position | null {
    return this.#position;
  }

  get hasGap(): boolean {
    return this.#held.size > 0;
  }

  /** Begins at a snapshot: what it holds is not delivered again, what came after it is. */
  reset(position: Position): void {
    this.#position = position;
    const held = [...this.#held.values()].toSorted((a, b) => a.seq - b.seq);
    this.#held.clear();
    for (const event of held) this.accept(event);
  }

  /** Whether an event was not delivered yet, and is not of an epoch that is over. */
  wants({ epoch, seq }: Position): boolean {
    const position = this.#position;
    if (position === null || epoch > position.epoch) return true;
    return epoch === position.epoch && seq > position.seq;
  }

  accept(event: NumberedEnvelope): void {
    const position = this.#position;
    if (position === null) {
      this.#hold(event);
      return;
    }
    if (!this.wants(event)) return;
    if (event.epoch > position.epoch) {
      this.#hold(event);
      this.#handler.onNewEpoch();
      return;
    }
    if (event.seq > position.seq + 1) {
      this.#hold(event);
      this.#handler.onGap();
      return;
    }
    this.#advance(event);
    this.#drain();
  }

  #advance(event: NumberedEnvelope): void {
    this.#position = { epoch: event.epoch, seq: event.seq };
    this.#handler.deliver(event);
  }

  #drain(): void {
    for (;;) {
      const position = this.#position;
      const next = position === null ? undefined : this.#held.get(position.seq + 1);
      if (position === null || next === undefined || next.epoch !== position.epoch) return;
      this.#held.delete(next.seq);
      this.#advance(next);
    }
  }

  #hold(event: NumberedEnvelope): void {
    const held = this.#held.get(event.seq);
    if (held !== undefined && held.epoch >= event.epoch) return;
    if (this.#held.size < MOST_HELD) this.#held.set(event.seq, event);
  }
}
