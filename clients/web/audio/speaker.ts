import { OpusDecoder, SAMPLE_RATE_HZ } from './codec.ts';
import { JitterBuffer } from './jitter-buffer.ts';
import { type AudioPacket, isSilence, opusDurationMs } from './packet.ts';

/** So much decoded sound is kept ready; the rest waits in the jitter buffer, where its order can still be mended. */
const READY_MS = 60;
/** A stream of which nothing came for so long is forgotten. */
const FORGET_AFTER_MS = 60_000;

/**
 * What is heard: packets into the jitter buffer of their talk, from there decoded to the worklet that plays. The
 * worklet's own clock decides when more is needed, as it is the loudspeaker's.
 */
export class Speaker {
  readonly #node: AudioWorkletNode;
  #stream: Stream | null = null;
  #queuedMs = 0;

  constructor(context: AudioContext) {
    this.#node = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (typeof data === 'number') this.#report(data);
    });
    this.#node.port.start();
    this.#node.connect(context.destination);
  }

  /** A packet has come. One talk is heard at a time: another stream begins when its first packet comes. */
  take(packet: AudioPacket): void {
    const nowMs = performance.now();
    if (this.#stream === null || this.#stream.id !== packet.streamId) {
      // What comes late of the talk before is not played into the new one.
      if (this.#stream !== null && this.#stream.before === packet.streamId) return;
      const before = this.#stream?.id ?? null;
      this.#stream?.close();
      this.#stream = new Stream(packet.streamId, before, (samples) => this.#play(samples));
    }
    this.#stream.push(packet, nowMs);
    this.#fill();
  }

  /** The talk has ended: the rest of it is played without waiting for more. */
  end(streamId: number): void {
    if (this.#stream?.id !== streamId) return;
    this.#stream.end();
    this.#fill();
  }

  close(): void {
    this.#stream?.close();
    this.#stream = null;
    this.#node.port.close();
    this.#node.disconnect();
  }

  #report(queuedSamples: number): void {
    this.#queuedMs = (queuedSamples / SAMPLE_RATE_HZ) * 1_000;
    if (this.#stream?.isForgotten(performance.now()) === true) {
      this.#stream.close();
      this.#stream = null;
    }
    this.#fill();
  }

  #fill(): void {
    this.#stream?.fill(READY_MS - this.#queuedMs, performance.now());
  }

  #play(samples: Float32Array<ArrayBuffer>): void {
    this.#queuedMs += (samples.length / SAMPLE_RATE_HZ) * 1_000;
    this.#node.port.postMessage(samples, [samples.buffer]);
  }
}

/** One talk on its way to the loudspeaker. */
class Stream {
  readonly id: number;
  /** The talk that was heard before this one. */
  readonly before: number | null;
  readonly #buffer = new JitterBuffer();
  readonly #decoder: OpusDecoder;
  readonly #play: (samples: Float32Array<ArrayBuffer>) => void;
  /** What was given to the decoder and has not come back, and the silences between, in order. */
  #pending: { readonly kind: 'packet' | 'silence'; readonly durationMs: number }[] = [];
  #lastPacketMs = 0;

  constructor(id: number, before: number | null, play: (samples: Float32Array<ArrayBuffer>) => void) {
    this.id = id;
    this.before = before;
    this.#play = play;
    this.#decoder = new OpusDecoder(
      (samples) => {
        this.#pending.shift();
        play(samples);
        this.#playSilences();
      },
      () => {
        this.#pending = this.#pending.map(({ durationMs }) => ({ kind: 'silence', durationMs }));
        this.#playSilences();
      },
    );
  }

  push({ number, opus }: AudioPacket, nowMs: number): void {
    const durationMs = opusDurationMs(opus);
    this.#lastPacketMs = nowMs;
    if (durationMs > 0) this.#buffer.push({ number, opus, durationMs }, nowMs);
  }

  end(): void {
    this.#buffer.end();
  }

  isForgotten(nowMs: number): boolean {
    return nowMs - this.#lastPacketMs > FORGET_AFTER_MS;
  }

  /** Takes out of the jitter buffer what makes up for `missingMs`. */
  fill(missingMs: number, nowMs: number): void {
    let leftMs = missingMs - this.#pending.reduce((sum, { durationMs }) => sum + durationMs, 0);
    while (leftMs > 0) {
      const piece = this.#buffer.pull(nowMs);
      if (piece === null) return;
      const durationMs = piece.kind === 'gap' ? piece.durationMs : piece.packet.durationMs;
      leftMs -= durationMs;
      if (piece.kind === 'packet' && !isSilence(piece.packet.opus)) {
        this.#pending.push({ kind: 'packet', durationMs });
        this.#decoder.decode(piece.packet.opus, durationMs);
      } else {
        this.#pending.push({ kind: 'silence', durationMs });
        this.#playSilences();
      }
    }
  }

  close(): void {
    this.#decoder.close();
  }

  #playSilences(): void {
    while (this.#pending[0]?.kind === 'silence') {
      const { durationMs } = this.#pending[0];
      this.#pending.shift();
      this.#play(new Float32Array(Math.round((durationMs / 1_000) * SAMPLE_RATE_HZ)));
    }
  }
}
