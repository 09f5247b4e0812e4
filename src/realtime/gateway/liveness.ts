import type { Clock } from '../../infra/clock.ts';
import { gatewayLimits, type GatewayTiming } from './ports.ts';

/** What the watch over a socket asks for now. */
export type LivenessVerdict = 'nothing' | 'ping' | 'ping_timeout' | 'slow_consumer';

/**
 * Whether the other side still lives and reads. Silence is measured against everything heard, reading against
 * pongs: a pong comes only after everything that was written before its ping was read, while the socket's own
 * buffer shows nothing until the kernel holds about 4 MB. Audio is measured alike, but lost instead of the socket.
 */
export class Liveness {
  readonly #timing: GatewayTiming;
  readonly #idlePingMs: number;
  #lastHeardMs: number;
  #nextPingMs: number;
  #talkerSinceMs: number | null = null;
  #unconfirmedBytes = 0;
  /** When the pong asked for by `wrote` has to be there. */
  #pongDueMs = Infinity;
  /** Of audio, written and not confirmed by a pong. */
  #audioBytes = 0;
  /** How many of them the pong that was asked for confirms; 0: none was. */
  #audioBytesAtPing = 0;

  constructor(timing: GatewayTiming, idlePingMs: number, nowMs: number) {
    this.#timing = timing;
    this.#idlePingMs = idlePingMs;
    this.#lastHeardMs = nowMs;
    this.#nextPingMs = nowMs + idlePingMs;
  }

  get talking(): boolean {
    return this.#talkerSinceMs !== null;
  }

  heard(nowMs: number): void {
    this.#lastHeardMs = nowMs;
  }

  pong(nowMs: number): void {
    this.#lastHeardMs = nowMs;
    this.#unconfirmedBytes = 0;
    this.#pongDueMs = Infinity;
    this.#audioBytes -= this.#audioBytesAtPing;
    this.#audioBytesAtPing = 0;
  }

  /** False while more audio is on its way than the other side may be behind. */
  get takesAudio(): boolean {
    return this.#audioBytes <= gatewayLimits.unconfirmedAudioBytes;
  }

  /** True when a ping has to go out now, to find out how far the other side has read. */
  wroteAudio(bytes: number): boolean {
    this.#audioBytes += bytes;
    if (this.#audioBytesAtPing > 0 || this.#audioBytes <= gatewayLimits.audioBytesPerPing) return false;
    this.#audioBytesAtPing = this.#audioBytes;
    return true;
  }

  /** True when so much was written since the last pong that a ping has to go out now. */
  wrote(bytes: number, clock: Pick<Clock, 'monotonicMs'>): boolean {
    this.#unconfirmedBytes += bytes;
    if (this.#unconfirmedBytes <= gatewayLimits.unconfirmedBytes || this.#pongDueMs !== Infinity) return false;
    this.#pongDueMs = clock.monotonicMs() + this.#timing.slowConsumerMs;
    return true;
  }

  watchTalker(talking: boolean, nowMs: number): void {
    if (talking === this.talking) return;
    this.#talkerSinceMs = talking ? nowMs : null;
    this.#nextPingMs = nowMs + this.#pingIntervalMs;
  }

  /** To be called when `nextDueMs` has come; `ping` counts as sent. */
  check(nowMs: number): LivenessVerdict {
    if (nowMs >= this.#silentAtMs) return 'ping_timeout';
    if (nowMs >= this.#pongDueMs) return 'slow_consumer';
    if (nowMs < this.#nextPingMs) return 'nothing';
    this.#nextPingMs = nowMs + this.#pingIntervalMs;
    return 'ping';
  }

  get nextDueMs(): number {
    return Math.min(this.#nextPingMs, this.#silentAtMs, this.#pongDueMs);
  }

  get #pingIntervalMs(): number {
    return this.talking ? this.#timing.talkerPingIntervalMs : this.#idlePingMs;
  }

  /** A talker's silence counts from the grant or the last thing heard, whichever was later. */
  get #silentAtMs(): number {
    return this.#talkerSinceMs === null
      ? this.#lastHeardMs + 2 * this.#idlePingMs
      : Math.max(this.#lastHeardMs, this.#talkerSinceMs) + this.#timing.talkerSilenceMs;
  }
}
