import { setTimeout as pause } from 'node:timers/promises';
import {
  AudioFrame,
  AudioSource as RtcAudioSource,
  AudioStream,
  dispose,
  LocalAudioTrack,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  type RoomOptions,
  TrackKind,
  TrackPublishOptions,
  TrackSource,
} from '@livekit/rtc-node';
import { type AudioSink, type AudioSource, SAMPLE_RATE_HZ } from '../audio/ports.ts';
import type { LivekitMedia, Media } from '../messages.ts';
import type { VoiceOptions, VoiceTransport } from './port.ts';

const FRAME_MS = 10;
const FRAME_SAMPLES = (SAMPLE_RATE_HZ * FRAME_MS) / 1000;
/** How much of the microphone may wait in the library: more would be heard later. */
const QUEUE_MS = 30;
/** So much sound may be refused in a row. */
const MOST_REFUSED_MS = 500;
/** Nobody subscribes in an empty group: the go-ahead comes after this time then. */
const GO_AHEAD_MS = 400;

/** Two peer connections, as the first talk then needs no renegotiation of what is heard. Not in the library's type. */
const CONNECT_OPTIONS: RoomOptions & { readonly singlePeerConnection: boolean } = {
  autoSubscribe: true,
  dynacast: false,
  singlePeerConnection: false,
};

/** A group's voice over LiveKit. Joins without the right to publish and publishes while it holds the floor. */
export class LivekitVoice implements VoiceTransport {
  readonly #microphone: AudioSource;
  readonly #loudspeaker: AudioSink;
  readonly #source = new RtcAudioSource(SAMPLE_RATE_HZ, 1, QUEUE_MS);
  readonly #streams = new Set<Promise<void>>();
  #room = new Room();
  #joined: Promise<void>;
  #isJoined = false;
  #published: { readonly sid: string; readonly track: LocalAudioTrack } | undefined;
  #talk: AbortController | undefined;
  #starting: Promise<void> = Promise.resolve();
  /** The last talk's; the library takes one frame at a time. */
  #feeding: Promise<void> = Promise.resolve();

  private constructor(media: LivekitMedia, { microphone, loudspeaker }: VoiceOptions) {
    this.#microphone = microphone;
    this.#loudspeaker = loudspeaker;
    this.#joined = this.#join(media);
  }

  /** Joins in the background: signalling does not wait for the sound. */
  static join(media: LivekitMedia, options: VoiceOptions): LivekitVoice {
    const voice = new LivekitVoice(media, options);
    // `startTalk` and `close` meet the failure.
    voice.#joined.catch(() => undefined);
    return voice;
  }

  /** Resolves when it listens. */
  get joined(): Promise<void> {
    return this.#joined;
  }

  async startTalk({ media }: { readonly media: Media }): Promise<void> {
    if (media.kind !== 'livekit') throw new Error(`a grant of kind ${media.kind} for a LiveKit client`);
    const talk = new AbortController();
    this.#talk = talk;
    // The end of a talk may come while it starts: the next begins when that is sorted out.
    const starting = this.#starting.then(() => this.#begin(media, talk.signal));
    this.#starting = starting.catch(() => undefined);
    return starting;
  }

  async stopTalk(): Promise<void> {
    if (this.#talk === undefined) return;
    this.#talk.abort();
    this.#talk = undefined;
    this.#source.clearQueue();
    await this.#unpublish();
  }

  async close(): Promise<void> {
    await this.stopTalk();
    await this.#joined.catch(() => undefined);
    await this.#room.disconnect();
    await Promise.all(this.#streams);
    await this.#feeding;
    await this.#source.close();
  }

  async #begin(media: LivekitMedia, signal: AbortSignal): Promise<void> {
    // Who was not in the room when the right was given has it only by the token of the grant.
    if (!this.#isJoined) this.#joined = this.#joinAgain(media);
    await this.#joined;
    if (signal.aborted) return;

    const goAhead = this.#untilSubscribed(signal);
    const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
    // The server takes no track twice, and may not know yet that the last talk's is gone.
    const track = LocalAudioTrack.createAudioTrack('microphone', this.#source);
    const { sid } = await participantOf(this.#room).publishTrack(track, options);
    if (sid === undefined) throw new Error('published without a number');
    this.#published = { sid, track };
    if (signal.aborted) return this.#unpublish();
    const feeding = this.#feeding.then(() => this.#feed(signal));
    this.#feeding = feeding.catch(() => undefined);
    // Feeding ends with the talk, or by a fault.
    await Promise.race([goAhead, feeding]);
  }

  async #join(media: LivekitMedia): Promise<void> {
    const room = new Room();
    this.#room = room;
    room.on(RoomEvent.TrackSubscribed, (track, publication, participant) =>
      this.#hear(track, publication, participant),
    );
    await room.connect(media.url, media.token, CONNECT_OPTIONS);
    this.#isJoined = true;
  }

  async #joinAgain(media: LivekitMedia): Promise<void> {
    await this.#joined.catch(() => undefined);
    await this.#room.disconnect();
    await this.#join(media);
  }

  #hear(track: RemoteTrack, _publication: RemoteTrackPublication, participant: RemoteParticipant): void {
    if (track.kind !== TrackKind.KIND_AUDIO) return;
    const stream = new AudioStream(track, { sampleRate: SAMPLE_RATE_HZ, numChannels: 1, frameSizeMs: FRAME_MS });
    const copying = this.#copy(stream, participant.identity);
    this.#streams.add(copying);
    void copying.finally(() => this.#streams.delete(copying));
  }

  /** Ends when the track does. */
  async #copy(stream: AudioStream, talker: string): Promise<void> {
    for await (const frame of stream) this.#loudspeaker.write(talker, frame.data);
  }

  /**
   * Sends the microphone until `signal`; the library's queue keeps the pace. Throws when it takes nothing for a while: a
   * frame now and then it refuses, while it is busy with what is published or no longer is, and that frame is lost.
   */
  async #feed(signal: AbortSignal): Promise<void> {
    let refused = 0;
    while (!signal.aborted) {
      const samples = this.#microphone.read(FRAME_SAMPLES);
      try {
        await this.#source.captureFrame(new AudioFrame(samples, SAMPLE_RATE_HZ, 1, FRAME_SAMPLES));
        refused = 0;
      } catch (error) {
        refused += 1;
        if (!signal.aborted && refused * FRAME_MS >= MOST_REFUSED_MS) throw error;
        await pause(FRAME_MS);
      }
    }
  }

  /** Resolves when somebody receives the microphone, after a while in an empty group, or with `signal`. */
  async #untilSubscribed(signal: AbortSignal): Promise<void> {
    const room = this.#room;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, GO_AHEAD_MS);
    const subscribed = (): void => resolve();
    room.once(RoomEvent.LocalTrackSubscribed, subscribed);
    signal.addEventListener('abort', subscribed, { once: true });
    await promise;
    clearTimeout(timer);
    room.off(RoomEvent.LocalTrackSubscribed, subscribed);
  }

  async #unpublish(): Promise<void> {
    const published = this.#published;
    if (published === undefined) return;
    this.#published = undefined;
    const { sid, track } = published;
    if (this.#room.isConnected) await participantOf(this.#room).unpublishTrack(sid, false);
    // The source stays open for the next talk.
    await track.close(false);
  }
}

function participantOf(room: Room): NonNullable<Room['localParticipant']> {
  if (room.localParticipant === undefined) throw new Error('not in the room');
  return room.localParticipant;
}

/** Ends the library's threads: without it the process may not end. Nothing of the library works afterwards. */
export async function disposeLivekit(): Promise<void> {
  await dispose();
}
