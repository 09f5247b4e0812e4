import { isSilence } from './packet.ts';

/** A packet of one talk, waiting to be played. */
export interface VoicePacket {
  readonly number: number;
  readonly opus: Uint8Array;
  readonly durationMs: number;
}

/** What to play next: a packet to decode, or so much silence where packets are lost. */
export type Piece =
  | { readonly kind: 'packet'; readonly packet: VoicePacket }
  | { readonly kind: 'gap'; readonly durationMs: number };

const FIRST_TARGET_MS = 60;
const LAST_TARGET_MS = 200;
const TARGET_STEP_MS = 20;
/** What came in one piece after a long stall is cut to this, oldest first: nobody wants to lag behind for a minute. */
const MAX_BUFFERED_MS = 2_000;
/** A longer hole is jumped over: the time of it has passed already. */
const MAX_GAP_MS = 200;

/**
 * The packets of one talk between arrival and loudspeaker: in order, each once, and late enough that those which come
 * less evenly than they were sent still come in time. Pure: it is told the time in milliseconds of any clock.
 *
 * It waits for `targetMs` of sound (or until the first has waited that long) before it gives anything, at the start and
 * whenever it has run empty. Running empty in the middle of speech makes it wait longer from then on; a pause of a
 * sender that leaves out silence does not.
 */
export class JitterBuffer {
  readonly #packets: VoicePacket[] = [];
  /** The number to be played next; null before the first. */
  #next: number | null = null;
  #targetMs = FIRST_TARGET_MS;
  #isFilling = true;
  #waitingSinceMs: number | null = null;
  #lastWasSilence = false;
  #lastDurationMs = 20;
  #hasEnded = false;

  /** How much sound is waited for before playing. */
  get targetMs(): number {
    return this.#targetMs;
  }

  get bufferedMs(): number {
    return this.#packets.reduce((sum, { durationMs }) => sum + durationMs, 0);
  }

  /** Takes a packet in. False: it was thrown away, as it came too late or for the second time. */
  push(packet: VoicePacket, nowMs: number): boolean {
    if (this.#next !== null && packet.number < this.#next) return false;
    const place = this.#packets.findLastIndex(({ number }) => number <= packet.number);
    if (this.#packets[place]?.number === packet.number) return false;
    this.#packets.splice(place + 1, 0, packet);
    this.#waitingSinceMs ??= nowMs;
    this.#cutToLimit();
    return true;
  }

  /** Nothing more will come: what is there is played without waiting. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Takes out what is to be played now. Null: nothing yet; the player is silent and asks again. */
  pull(nowMs: number): Piece | null {
    const first = this.#packets[0];
    if (first === undefined) {
      this.#runEmpty();
      return null;
    }
    const isFirstOrNext = this.#isFilling || first.number === this.#next;
    if ((this.#isFilling || !isFirstOrNext) && !this.#hasWaitedEnough(nowMs)) return null;
    if (!isFirstOrNext) return this.#passHole(first);
    this.#packets.shift();
    this.#isFilling = false;
    this.#waitingSinceMs = this.#packets.length === 0 ? null : nowMs;
    this.#next = first.number + 1;
    this.#lastWasSilence = isSilence(first.opus);
    this.#lastDurationMs = first.durationMs;
    return { kind: 'packet', packet: first };
  }

  #hasWaitedEnough(nowMs: number): boolean {
    const waitedMs = nowMs - (this.#waitingSinceMs ?? nowMs);
    return this.#hasEnded || waitedMs >= this.#targetMs || this.bufferedMs >= this.#targetMs;
  }

  #passHole(first: VoicePacket): Piece {
    const missing = first.number - (this.#next ?? first.number);
    this.#next = first.number;
    return { kind: 'gap', durationMs: Math.min(missing * this.#lastDurationMs, MAX_GAP_MS) };
  }

  #runEmpty(): void {
    if (this.#isFilling || this.#hasEnded) return;
    this.#isFilling = true;
    this.#waitingSinceMs = null;
    if (!this.#lastWasSilence) this.#targetMs = Math.min(this.#targetMs + TARGET_STEP_MS, LAST_TARGET_MS);
  }

  #cutToLimit(): void {
    while (this.bufferedMs > MAX_BUFFERED_MS) {
      this.#packets.shift();
      this.#next = this.#packets[0]?.number ?? this.#next;
    }
  }
}
