import {
  AudioFrame,
  AudioSource,
  LocalAudioTrack,
  type LocalTrack,
  type LocalTrackPublication,
  LocalVideoTrack,
  Room,
  RoomEvent,
  TrackPublishOptions,
  TrackSource,
  VideoBufferType,
  VideoFrame,
  VideoSource,
} from '@livekit/rtc-node';
import { decodeJwt } from 'jose';
import { z } from 'zod';
import { SAMPLE_RATE_HZ } from '../../../clients/headless/audio/ports.ts';
import { until } from '../../_support/until.ts';
import { CONNECT_OPTIONS } from '../room-client.ts';

const FRAME_MS = 10;
const FRAME_SAMPLES = (SAMPLE_RATE_HZ * FRAME_MS) / 1_000;
const QUEUE_MS = 30;
/** The pitch of what every attacker sends. */
export const TONE_HZ = 440;
const TONE_LEVEL = 8_000;
const [WIDTH, HEIGHT] = [160, 120];
/** A picture with every so many pieces of sound. */
const SOUND_PER_PICTURE = 5;

/** A second of the tone that every attacker sends. */
const TONE = Int16Array.from({ length: SAMPLE_RATE_HZ }, (_, index) =>
  Math.round(TONE_LEVEL * Math.sin((2 * Math.PI * TONE_HZ * index) / SAMPLE_RATE_HZ)),
);

const claims = z.looseObject({ video: z.looseObject({ canPublish: z.boolean().default(true) }) });

function mayPublish(token: string | undefined): boolean {
  return token !== undefined && claims.parse(decodeJwt(token)).video.canPublish;
}

/**
 * A modified client: it knows nothing of NEDA, joins with whatever token it has, publishes what it likes and sends a
 * tone from the start to the end of its life. Its library comes back by itself after a loss, as that of honest ones does.
 */
export class Attacker {
  readonly #room = new Room();
  readonly #source = new AudioSource(SAMPLE_RATE_HZ, 1, QUEUE_MS);
  readonly #tracks: LocalTrack[] = [];
  readonly #feeding: Promise<void>;
  readonly #publications: LocalTrackPublication[] = [];
  #pictures: VideoSource | undefined;
  readonly #token: string;
  #returns = 0;
  #sentMs = 0;
  #isOver = false;

  private constructor(token: string) {
    this.#token = token;
    this.#room.on(RoomEvent.Reconnected, () => {
      this.#returns += 1;
    });
    this.#feeding = this.#feed();
  }

  /** Joins with a token as it is. `url` may have a query, which LiveKit gets. */
  static async join(media: { readonly url: string; readonly token: string }): Promise<Attacker> {
    const attacker = new Attacker(media.token);
    try {
      await attacker.#room.connect(media.url, media.token, CONNECT_OPTIONS);
    } catch (error) {
      await attacker.leave();
      throw error;
    }
    return attacker;
  }

  get isInRoom(): boolean {
    return this.#room.isConnected;
  }

  /** How often its library came back by itself. */
  get returns(): number {
    return this.#returns;
  }

  /** The identity under which LiveKit has it. */
  get identity(): string {
    return this.#participant.identity;
  }

  /** The token with the right to publish that LiveKit itself hands out to who was given the right. */
  async refreshedToken(): Promise<string> {
    return until(() => this.#room.token !== this.#token && mayPublish(this.#room.token) && this.#room.token, {
      limitMs: 5_000,
      describe: () => 'LiveKit hands out a new token with the right to publish',
    });
  }

  /**
   * Publishes the tone as a microphone. What comes of it is resolved: `published`, or why not. LiveKit does not answer
   * who may not publish, and the library gives up after 10 s or at the end of the room.
   */
  async publish(): Promise<'published' | Error> {
    return this.#publish(LocalAudioTrack.createAudioTrack('microphone', this.#source));
  }

  /** Publishes pictures and says that they are a microphone. */
  async publishVideoAsMicrophone(): Promise<'published' | Error> {
    this.#pictures = new VideoSource(WIDTH, HEIGHT);
    return this.#publish(LocalVideoTrack.createVideoTrack('microphone', this.#pictures));
  }

  /** Takes back what it published, as honest clients do when a talk ends. */
  async unpublish(): Promise<void> {
    for (const { sid } of this.#publications.splice(0)) {
      // LiveKit may have ended it before.
      if (sid !== undefined) await this.#participant.unpublishTrack(sid, false).catch(() => undefined);
    }
  }

  /** Sends a data packet to everybody in the room; LiveKit says nothing about it. */
  async sendData(text: string): Promise<void> {
    await this.#participant.publishData(Buffer.from(text), { reliable: true });
  }

  /** Waits until so much more sound was sent, which takes as long as it lasts. */
  async sendsOn(ms: number): Promise<void> {
    const targetMs = this.#sentMs + ms;
    await until(() => this.#sentMs >= targetMs, {
      limitMs: 2 * ms + 10_000,
      describe: () => `the library takes ${ms} ms of sound`,
    });
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await this.#room.disconnect();
    await this.#feeding;
    await Promise.all(this.#tracks.map((track) => track.close()));
  }

  get #participant(): NonNullable<Room['localParticipant']> {
    if (this.#room.localParticipant === undefined) throw new Error('was never in the room');
    return this.#room.localParticipant;
  }

  async #publish(track: LocalTrack): Promise<'published' | Error> {
    this.#tracks.push(track);
    try {
      const options = new TrackPublishOptions({ source: TrackSource.SOURCE_MICROPHONE });
      this.#publications.push(await this.#participant.publishTrack(track, options));
      return 'published';
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** Sends in real time: the library's queue keeps the pace. */
  async #feed(): Promise<void> {
    const picture = new VideoFrame(new Uint8Array(WIDTH * HEIGHT * 4).fill(128), WIDTH, HEIGHT, VideoBufferType.RGBA);
    for (let frame = 0; !this.#isOver; frame += 1) {
      const from = (frame * FRAME_SAMPLES) % TONE.length;
      const samples = TONE.slice(from, from + FRAME_SAMPLES);
      await this.#source.captureFrame(new AudioFrame(samples, SAMPLE_RATE_HZ, 1, FRAME_SAMPLES));
      if (frame % SOUND_PER_PICTURE === 0) this.#pictures?.captureFrame(picture);
      this.#sentMs += FRAME_MS;
    }
  }
}
