import type { Duplex } from 'node:stream';

/** A socket's stream, with the marks that the writer keeps on it. */
export interface TickTarget {
  readonly stream: Duplex;
  /** The tick of the last write. */
  writtenInTick: number;
  corked: boolean;
}

/**
 * Writes to sockets so that many events in one tick cost one system call each tick instead of one each event:
 * the first write of a tick goes out directly (a single event waits for nothing), what follows is corked until
 * the end of the tick. The order of writes to one stream is kept.
 */
export class TickWriter {
  #tick = 1;
  #endScheduled = false;
  #corked: TickTarget[] = [];

  /** False when the stream's own buffer is past its high-water mark. */
  write(target: TickTarget, bytes: Buffer): boolean {
    if (target.writtenInTick !== this.#tick) {
      target.writtenInTick = this.#tick;
      if (!this.#endScheduled) {
        this.#endScheduled = true;
        setImmediate(this.#endTick);
      }
    } else if (!target.corked) {
      target.corked = true;
      target.stream.cork();
      this.#corked.push(target);
    }
    return target.stream.write(bytes);
  }

  readonly #endTick = (): void => {
    this.#endScheduled = false;
    // Stays a small integer; two ticks with the same number are a billion ticks apart.
    this.#tick = (this.#tick + 1) & 0x3fff_ffff;
    if (this.#corked.length === 0) return;
    const corked = this.#corked;
    this.#corked = [];
    for (const target of corked) {
      target.corked = false;
      target.stream.uncork();
    }
  };
}
