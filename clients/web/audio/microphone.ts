import type { MicrophoneFault } from '../texts.ts';

/** Thrown when there is no microphone to be had. */
export class NoMicrophone extends Error {
  override readonly name = 'NoMicrophone';
  readonly fault: MicrophoneFault;

  constructor(fault: MicrophoneFault) {
    super(fault);
    this.fault = fault;
  }
}

/**
 * The microphone, opened before it is needed, so that pressing costs no time. While nobody talks it is muted in the
 * browser, and nobody gets anything of it.
 */
export class Microphone {
  readonly #stream: MediaStream;
  readonly #source: MediaStreamAudioSourceNode;
  readonly #capture: AudioWorkletNode;
  #onFrame: ((frame: Float32Array<ArrayBuffer>) => void) | null = null;

  private constructor(context: AudioContext, stream: MediaStream, onLevel: (level: number) => void) {
    this.#stream = stream;
    this.#source = context.createMediaStreamSource(stream);
    this.#capture = new AudioWorkletNode(context, 'capture', {
      numberOfOutputs: 0,
      channelCount: 1,
      channelCountMode: 'explicit',
    });
    this.#capture.port.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
      if (this.#onFrame === null || !(data instanceof Float32Array)) return;
      const frame = new Float32Array(data);
      onLevel(loudest(frame));
      this.#onFrame(frame);
    });
    this.#capture.port.start();
    this.#source.connect(this.#capture);
    this.#mute(true);
  }

  /**
   * Asks the person for the microphone. Throws `NoMicrophone`.
   * @param onLevel hears how loud it is while talking, 0 to 1, every 20 ms
   */
  static async open(context: AudioContext, onLevel: (level: number) => void): Promise<Microphone> {
    if (!window.isSecureContext) throw new NoMicrophone('insecure');
    try {
      const stream = await navigator.mediaDevices.getUserMedia({
        // One talks at a time: there is no echo to cancel, and cancelling costs the first syllable.
        audio: { channelCount: 1, echoCancellation: false, noiseSuppression: true, autoGainControl: true },
      });
      return new Microphone(context, stream, onLevel);
    } catch (error) {
      throw new NoMicrophone(faultOf(error));
    }
  }

  /** False when the device was unplugged or taken away. */
  get isAlive(): boolean {
    return this.#stream.getAudioTracks().some(({ readyState }) => readyState === 'live');
  }

  /** Opens it; every 20 ms of sound go to `onFrame` until `stop`. */
  start(onFrame: (frame: Float32Array<ArrayBuffer>) => void): void {
    this.#onFrame = onFrame;
    this.#mute(false);
  }

  stop(): void {
    this.#mute(true);
    this.#onFrame = null;
  }

  /** The opened microphone once more, for whoever sends it by other means; theirs to stop. Null: it was taken away. */
  copy(): MediaStreamTrack | null {
    return this.#stream.getAudioTracks()[0]?.clone() ?? null;
  }

  close(): void {
    this.stop();
    this.#source.disconnect();
    this.#capture.port.close();
    for (const track of this.#stream.getTracks()) track.stop();
  }

  #mute(isMuted: boolean): void {
    for (const track of this.#stream.getAudioTracks()) track.enabled = !isMuted;
  }
}

function loudest(samples: Float32Array): number {
  return samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
}

function faultOf(error: unknown): MicrophoneFault {
  const name = error instanceof DOMException ? error.name : '';
  switch (name) {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    default:
      return 'busy';
  }
}
