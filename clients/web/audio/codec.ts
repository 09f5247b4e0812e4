/** Opus as the wire carries it: 48 kHz, one channel, packets of 20 ms. */

export const SAMPLE_RATE_HZ = 48_000;
const FRAME_US = 20_000;
const BITRATE = 32_000;

const ENCODING: AudioEncoderConfig = {
  codec: 'opus',
  sampleRate: SAMPLE_RATE_HZ,
  numberOfChannels: 1,
  bitrate: BITRATE,
  opus: { frameDuration: FRAME_US },
};
const DECODING: AudioDecoderConfig = { codec: 'opus', sampleRate: SAMPLE_RATE_HZ, numberOfChannels: 1 };

export async function canEncode(): Promise<boolean> {
  if (!('AudioEncoder' in globalThis)) return false;
  const { supported } = await AudioEncoder.isConfigSupported(ENCODING).catch(() => ({ supported: false }));
  return supported === true;
}

export async function canDecode(): Promise<boolean> {
  if (!('AudioDecoder' in globalThis)) return false;
  const { supported } = await AudioDecoder.isConfigSupported(DECODING).catch(() => ({ supported: false }));
  return supported === true;
}

/** Frames of 20 ms in, Opus packets out, in order. `stop` throws away what is under way. */
export class OpusEncoder {
  readonly #encoder: AudioEncoder;
  #timestampUs = 0;

  constructor(onPacket: (opus: Uint8Array) => void) {
    this.#encoder = new AudioEncoder({
      output: (chunk) => {
        const opus = new Uint8Array(chunk.byteLength);
        chunk.copyTo(opus);
        onPacket(opus);
      },
      error: (error) => console.error('the sound could not be encoded', error),
    });
    this.#encoder.configure(ENCODING);
  }

  encode(frame: Float32Array<ArrayBuffer>): void {
    if (this.#encoder.state !== 'configured') return;
    const data = new AudioData({
      format: 'f32-planar',
      sampleRate: SAMPLE_RATE_HZ,
      numberOfFrames: frame.length,
      numberOfChannels: 1,
      timestamp: this.#timestampUs,
      data: frame,
    });
    this.#timestampUs += FRAME_US;
    this.#encoder.encode(data);
    data.close();
  }

  stop(): void {
    if (this.#encoder.state !== 'closed') this.#encoder.close();
  }
}

/** Opus packets in, samples out, in order. A packet that cannot be decoded gives nothing; those after it are decoded. */
export class OpusDecoder {
  readonly #onSamples: (samples: Float32Array<ArrayBuffer>) => void;
  readonly #onFault: () => void;
  #decoder: AudioDecoder | null = null;
  #timestampUs = 0;

  constructor(onSamples: (samples: Float32Array<ArrayBuffer>) => void, onFault: () => void) {
    this.#onSamples = onSamples;
    this.#onFault = onFault;
  }

  decode(opus: Uint8Array, durationMs: number): void {
    this.#decoder ??= this.#open();
    const data = new Uint8Array(opus);
    this.#decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: this.#timestampUs, data }));
    this.#timestampUs += durationMs * 1_000;
  }

  close(): void {
    if (this.#decoder !== null && this.#decoder.state !== 'closed') this.#decoder.close();
    this.#decoder = null;
  }

  #open(): AudioDecoder {
    const decoder = new AudioDecoder({
      output: (data) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: 'f32-planar' });
        data.close();
        this.#onSamples(samples);
      },
      error: () => {
        this.#decoder = null;
        this.#onFault();
      },
    });
    decoder.configure(DECODING);
    return decoder;
  }
}
