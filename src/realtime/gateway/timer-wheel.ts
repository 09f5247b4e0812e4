/** Something with one next deadline. */
export interface TimedEntry {
  /** Monotonic milliseconds; kept by the wheel. */
  dueAtMs: number;
  /** The slot it stands in, -1 for none; kept by the wheel. */
  wheelSlot: number;
  /** The deadline has come. Returns the next one, or null for none. */
  onDue(nowMs: number): number | null;
}

const TICK_MS = 100;
const SLOTS = 1024;
/** After a longer gap between two turns the process was frozen or blocked. */
const BLOCKED_MS = 1_000;

/**
 * The deadlines of all sockets on one timer (hashed wheel, 100 ms a tick): setting, moving and dropping a deadline
 * costs the same with ten sockets as with ten thousand. Deadlines beyond a turn of the wheel wait in its last slot.
 */
export class TimerWheel {
  readonly #monotonicMs: () => number;
  readonly #slots: Array<Set<TimedEntry>> = Array.from({ length: SLOTS }, () => new Set<TimedEntry>());
  #tick: number;
  #lastTurnMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
    this.#lastTurnMs = monotonicMs();
    this.#tick = Math.floor(this.#lastTurnMs / TICK_MS);
  }

  start(): void {
    this.#timer ??= setInterval(() => this.turn(), TICK_MS);
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
    this.#timer = null;
  }

  schedule(entry: TimedEntry, dueAtMs: number): void {
    entry.dueAtMs = dueAtMs;
    const dueTick = Math.ceil(dueAtMs / TICK_MS);
    const tick = Math.min(Math.max(dueTick, this.#tick + 1), this.#tick + SLOTS - 1);
    const slot = tick % SLOTS;
    if (slot === entry.wheelSlot) return;
    this.cancel(entry);
    entry.wheelSlot = slot;
    this.#slots[slot]?.add(entry);
  }

  cancel(entry: TimedEntry): void {
    if (entry.wheelSlot < 0) return;
    this.#slots[entry.wheelSlot]?.delete(entry);
    entry.wheelSlot = -1;
  }

  /** Runs what is due. After a blocked loop it waits one turn, so that what lies in the sockets is read first. */
  turn(): void {
    const nowMs = this.#monotonicMs();
    const blocked = nowMs - this.#lastTurnMs > BLOCKED_MS;
    this.#lastTurnMs = nowMs;
    if (blocked) return;
    const untilTick = Math.floor(nowMs / TICK_MS);
    // After a gap longer than a turn of the wheel every slot is looked at once.
    this.#tick = Math.max(this.#tick, untilTick - SLOTS);
    while (this.#tick < untilTick) {
      this.#tick += 1;
      this.#runSlot(this.#tick % SLOTS, nowMs);
    }
  }

  #runSlot(slot: number, nowMs: number): void {
    const entries = this.#slots[slot];
    if (entries === undefined || entries.size === 0) return;
    this.#slots[slot] = new Set();
    for (const entry of entries) {
      // Cancelled or moved by another entry's `onDue` meanwhile.
      if (entry.wheelSlot !== slot) continue;
      entry.wheelSlot = -1;
      const next = entry.dueAtMs > nowMs ? entry.dueAtMs : entry.onDue(nowMs);
      if (next !== null) this.schedule(entry, next);
    }
  }
}
