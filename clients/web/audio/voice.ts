import { canDecode, SAMPLE_RATE_HZ } from './codec.ts';
import { Microphone } from './microphone.ts';
import { decodePacket, encodePacket } from './packet.ts';
import { Speaker } from './speaker.ts';
import { playTone, type Tone } from './tones.ts';

export interface Worklets {
  readonly capture: string;
  readonly playback: string;
}

/** All that is heard and recorded. Made on a click or a key, as browsers start sound on those only. */
export class Voice {
  readonly canPlay: boolean;
  readonly #context: AudioContext;
  readonly #speaker: Speaker | null;
  #microphone: Microphone | null = null;
  #opening: Promise<void> | null = null;
  #ownStreamId: number | null = null;

  private constructor(context: AudioContext, speaker: Speaker | null) {
    this.#context = context;
    this.#speaker = speaker;
    this.canPlay = speaker !== null;
  }

  static async open(worklets: Worklets): Promise<Voice> {
    const context = new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: 'interactive' });
    // Not awaited: a browser that wants another gesture first leaves it open.
    void context.resume();
    if (!('audioWorklet' in context)) return new Voice(context, null);
    await Promise.all([
      context.audioWorklet.addModule(worklets.capture),
      context.audioWorklet.addModule(worklets.playback),
    ]);
    return new Voice(context, (await canDecode()) ? new Speaker(context) : null);
  }

  get hasMicrophone(): boolean {
    return this.#microphone?.isAlive === true;
  }

  /** Asks for the microphone unless it is there. Throws `NoMicrophone`. */
  openMicrophone(onLevel: (level: number) => void): Promise<void> {
    this.#opening ??= this.#openMicrophone(onLevel).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Lets sound go on where the browser has stopped it, for instance after a phone call. */
  wake(): void {
    if (this.#context.state !== 'running') void this.#context.resume();
  }

  tone(tone: Tone): void {
    playTone(this.#context, tone);
  }

  /** Records the talk; every packet goes to `send`, numbered also when it is dropped there, so that a loss is seen. */
  startTalk(streamId: number, send: (bytes: Uint8Array<ArrayBuffer>) => void): void {
    this.#ownStreamId = streamId;
    let number = 0;
    this.#microphone?.start((opus) => {
      send(encodePacket({ streamId, number, opus }));
      number += 1;
    });
  }

  stopTalk(): void {
    this.#microphone?.stop();
  }

  /** Plays what came; one's own talk, should it ever come back, is not heard. */
  receive(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet !== null && packet.streamId !== this.#ownStreamId) this.#speaker?.take(packet);
  }

  talkEnded(streamId: number): void {
    this.#speaker?.end(streamId);
  }

  async close(): Promise<void> {
    this.#microphone?.close();
    this.#microphone = null;
    this.#speaker?.close();
    await this.#context.close();
  }

  async #openMicrophone(onLevel: (level: number) => void): Promise<void> {
    if (this.hasMicrophone) return;
    this.#microphone?.close();
    this.#microphone = null;
    const microphone = await Microphone.open(this.#context, onLevel);
    if (this.#context.state === 'closed') microphone.close();
    else this.#microphone = microphone;
  }
}
