/** Limits of one talk's packets. Source: protocol.md "Audio over the WebSocket". */
export const packetLimits = {
  windowMs: 1_000,
  packetsPerWindow: 110,
  /** 128 kbit/s. */
  opusBytesPerWindow: 16_000,
  /** Sending too much for this long ends the talk. */
  excessMs: 5_000,
  /** T1 of 3GPP TS 24.380: a talker of whom nothing comes for this long loses the floor. */
  silenceMs: 4_000,
} as const;

/** Accepted: forward it. Dropped: too much at the moment. Ended: it went on for too long. */
export type Verdict = 'accepted' | 'dropped' | 'ended';

/**
 * Holds one talk's packets to the limits in any window of a second, not only in whole ones: a ring of the packets that
 * were accepted last. All times are monotonic milliseconds.
 */
export class PacketGuard {
  readonly #acceptedAtMs = new Float64Array(packetLimits.packetsPerWindow).fill(Number.NEGATIVE_INFINITY);
  readonly #sizes = new Uint16Array(packetLimits.packetsPerWindow);
  /** Where the next accepted packet is noted: there stands the oldest. */
  #next = 0;
  /** The oldest that still counts into `#bytes`. */
  #first = 0;
  #bytes = 0;
  #excessSinceMs: number | null = null;
  #lastExcessMs = Number.NEGATIVE_INFINITY;

  take(opusBytes: number, nowMs: number): Verdict {
    const sinceMs = nowMs - packetLimits.windowMs;
    this.#forget(sinceMs);
    const isTooMany = (this.#acceptedAtMs[this.#next] ?? 0) > sinceMs;
    if (isTooMany || this.#bytes + opusBytes > packetLimits.opusBytesPerWindow) return this.#refuse(nowMs);
    this.#acceptedAtMs[this.#next] = nowMs;
    this.#sizes[this.#next] = opusBytes;
    this.#bytes += opusBytes;
    this.#next = (this.#next + 1) % packetLimits.packetsPerWindow;
    return 'accepted';
  }

  #forget(sinceMs: number): void {
    for (let seen = 0; seen < packetLimits.packetsPerWindow; seen += 1) {
      const atMs = this.#acceptedAtMs[this.#first] ?? 0;
      if (atMs > sinceMs || this.#sizes[this.#first] === 0) return;
      this.#bytes -= this.#sizes[this.#first] ?? 0;
      this.#sizes[this.#first] = 0;
      this.#first = (this.#first + 1) % packetLimits.packetsPerWindow;
    }
  }

  /** Excess goes on while no second passes without it. */
  #refuse(nowMs: number): Verdict {
    if (nowMs - this.#lastExcessMs > packetLimits.windowMs) this.#excessSinceMs = nowMs;
    this.#lastExcessMs = nowMs;
    return nowMs - (this.#excessSinceMs ?? nowMs) >= packetLimits.excessMs ? 'ended' : 'dropped';
  }
}
