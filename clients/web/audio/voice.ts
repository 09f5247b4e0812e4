import type { Media } from '../../../src/realtime/protocol/index.ts';
import type { Surroundings } from '../link/ports.ts';
import type { CurrentTalk } from '../talk/room.ts';
import type { OwnTalk } from '../talk/talk-key.ts';
import { wayOf } from '../talk/way.ts';
import type { Carrier, TalkPorts } from './carrier.ts';
import { canDecode, canEncode, SAMPLE_RATE_HZ } from './codec.ts';
import { LivekitCarrier, type LivekitState } from './livekit/carrier.ts';
import { Microphone, NoMicrophone } from './microphone.ts';
import { RelayCarrier } from './relay.ts';
import { playTone, type Tone } from './tones.ts';

export interface Worklets {
  readonly capture: string;
  readonly playback: string;
}

export interface CarryOptions {
  readonly groupId: string;
  /** A fresh token of the media server, for listening. */
  readonly freshMedia: () => Promise<Media>;
  readonly surroundings: Surroundings;
  readonly onLivekit: (state: LivekitState) => void;
}

/**
 * All that is heard and recorded in one group, whichever way it travels. Made on a click or a key, as browsers start
 * sound on those only.
 */
export class Voice {
  /** Can this browser play what comes over the WebSocket? */
  readonly canPlay: boolean;
  readonly #context: AudioContext;
  #microphone: Microphone | null = null;
  #opening: Promise<void> | null = null;
  #carrier: Carrier | null = null;
  #carries: Media['kind'] | null = null;
  #floor: CurrentTalk | null = null;

  private constructor(context: AudioContext, canPlay: boolean) {
    this.#context = context;
    this.canPlay = canPlay;
  }

  static async open(worklets: Worklets): Promise<Voice> {
    const context = new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: 'interactive' });
    // Not awaited: a browser that wants another gesture first leaves it open.
    void context.resume();
    if (!('audioWorklet' in context)) return new Voice(context, false);
    await Promise.all([
      context.audioWorklet.addModule(worklets.capture),
      context.audioWorklet.addModule(worklets.playback),
    ]);
    return new Voice(context, await canDecode());
  }

  get hasMicrophone(): boolean {
    return this.#microphone?.isAlive === true;
  }

  /** The group is joined, also again: its sound travels like this now. Rejects when what carries it cannot be loaded. */
  async carry(media: Media, options: CarryOptions): Promise<void> {
    if (this.#carries === media.kind) {
      this.#carrier?.renew(media);
      return;
    }
    this.#carrier?.close();
    this.#carrier = null;
    this.#carries = media.kind;
    try {
      const carrier = await this.#openCarrier(media, options);
      if (this.#carries !== media.kind || this.#context.state === 'closed') {
        carrier?.close();
        return;
      }
      this.#carrier = carrier;
      carrier?.follow(this.#floor);
    } catch (error) {
      if (this.#carries === media.kind) this.#carries = null;
      throw error;
    }
  }

  /** Asks for the microphone unless it is there. Throws `NoMicrophone`. */
  async openMicrophone(onLevel: (level: number) => void): Promise<void> {
    if (this.#carries === 'relay' && !(await canEncode())) throw new NoMicrophone('unsupported');
    this.#opening ??= this.#openMicrophone(onLevel).finally(() => {
      this.#opening = null;
    });
    await this.#opening;
  }

  /** Lets sound go on where the browser has stopped it, for instance after a phone call. */
  wake(): void {
    if (this.#context.state !== 'running') void this.#context.resume();
  }

  tone(tone: Tone): void {
    playTone(this.#context, tone);
  }

  startTalk(talk: OwnTalk, ports: TalkPorts): void {
    this.#carrier?.start(talk, ports);
  }

  pauseTalk(): void {
    this.#carrier?.pause();
  }

  resumeTalk(talk: OwnTalk): void {
    this.#carrier?.resume(talk);
  }

  stopTalk(): void {
    this.#carrier?.stop();
  }

  receive(bytes: Uint8Array): void {
    this.#carrier?.receive(bytes);
  }

  follow(talk: CurrentTalk | null): void {
    this.#floor = talk;
    this.#carrier?.follow(talk);
  }

  /** Nothing is sent or heard until the group is joined again; the microphone stays. */
  rest(): void {
    this.#carries = null;
    this.#carrier?.close();
    this.#carrier = null;
  }

  async close(): Promise<void> {
    this.rest();
    this.#microphone?.close();
    this.#microphone = null;
    await this.#context.close();
  }

  async #openCarrier(media: Media, options: CarryOptions): Promise<Carrier | null> {
    switch (wayOf(media)) {
      case 'relay':
        return new RelayCarrier(this.#context, this.canPlay, () => this.#microphone);
      case 'livekit':
        return media.kind === 'livekit' ? this.#openLivekit(media, options) : null;
      default:
        return null;
    }
  }

  async #openLivekit(
    media: Extract<Media, { kind: 'livekit' }>,
    { groupId, freshMedia, surroundings, onLivekit }: CarryOptions,
  ): Promise<Carrier> {
    const { LivekitRoom } = await import('./livekit/room.ts');
    return new LivekitCarrier({
      groupId,
      media,
      openRoom: (events) => new LivekitRoom(this.#context, events),
      freshMedia,
      record: () => {
        // Only the level of it is looked at here.
        this.#microphone?.start(() => undefined);
        return this.#microphone?.copy() ?? null;
      },
      closeMicrophone: () => this.#microphone?.stop(),
      surroundings,
      onState: onLivekit,
    });
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
