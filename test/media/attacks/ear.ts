import {
  AudioStream,
  type RemoteParticipant,
  type RemoteTrack,
  type RemoteTrackPublication,
  Room,
  RoomEvent,
  TrackKind,
  VideoStream,
} from '@livekit/rtc-node';
import { SAMPLE_RATE_HZ } from '../../../clients/headless/audio/ports.ts';
import { Recording } from '../../../clients/headless/audio/recording.ts';
import { CONNECT_OPTIONS } from '../room-client.ts';

const FRAME_MS = 10;

/**
 * A listener that takes everything its room gives it, whoever sends it: sound, pictures and data, each with the time
 * (`performance.now()`) and the sender's identity.
 */
export class Ear {
  readonly #room = new Room();
  readonly #recordings = new Map<string, Recording>();
  readonly #pictures: { readonly atMs: number; readonly from: string }[] = [];
  readonly #data: string[] = [];
  readonly #tracks: ReadableStreamDefaultReader<unknown>[] = [];

  #returns = 0;

  private constructor() {
    this.#room.on(RoomEvent.Reconnected, () => {
      this.#returns += 1;
    });
    this.#room.on(RoomEvent.TrackSubscribed, (track, publication, sender) => this.#receive(track, publication, sender));
    // The library does not always know who has sent it.
    this.#room.on(RoomEvent.DataReceived, (payload) => this.#data.push(Buffer.from(payload).toString('utf8')));
  }

  static async join(media: { readonly url: string; readonly token: string }): Promise<Ear> {
    const ear = new Ear();
    await ear.#room.connect(media.url, media.token, CONNECT_OPTIONS);
    return ear;
  }

  /** How often its library came back by itself. */
  get returns(): number {
    return this.#returns;
  }

  get isInRoom(): boolean {
    return this.#room.isConnected;
  }

  /** How long `identity` was heard from `sinceMs` on: from then until his last sound, in milliseconds; 0: not at all. */
  heardUntil(identity: string, sinceMs: number): number {
    const lastAtMs = this.#recordings.get(identity)?.lastAudible();
    return lastAtMs === undefined || lastAtMs < sinceMs ? 0 : lastAtMs - sinceMs;
  }

  /** From his first to his last sound after `sinceMs`, in milliseconds; 0: not heard at all. */
  heardFor(identity: string, sinceMs: number): number {
    const firstAtMs = this.firstHeard(identity, sinceMs);
    return firstAtMs === undefined ? 0 : this.heardUntil(identity, firstAtMs) + FRAME_MS;
  }

  /** When his first sound after `sinceMs` came. */
  firstHeard(identity: string, sinceMs: number): number | undefined {
    return this.#recordings.get(identity)?.firstAudibleAfter(sinceMs);
  }

  /** The pitch of his sound after `fromMs`, by how often it changes its sign, in Hz. */
  pitchOf(identity: string, fromMs: number): number {
    const { samples } = (this.#recordings.get(identity) ?? new Recording()).between(fromMs);
    let changes = 0;
    for (let at = 1; at < samples.length; at += 1) {
      if ((samples[at] ?? 0) >= 0 !== (samples[at - 1] ?? 0) >= 0) changes += 1;
    }
    return samples.length === 0 ? 0 : (changes / 2 / samples.length) * SAMPLE_RATE_HZ;
  }

  /** Everybody of whom something was heard. */
  heard(): string[] {
    return [...this.#recordings].filter(([, recording]) => recording.talkers().size > 0).map(([identity]) => identity);
  }

  /** From his first to his last picture, in milliseconds; 0: not seen at all. */
  seenFor(identity: string): number {
    const times = this.#pictures.filter(({ from }) => from === identity).map(({ atMs }) => atMs);
    const [first, last] = [times.at(0), times.at(-1)];
    return first === undefined || last === undefined ? 0 : last - first + FRAME_MS;
  }

  /** The data packets that came, whoever sent them. */
  get data(): readonly string[] {
    return this.#data;
  }

  async leave(): Promise<void> {
    await this.#room.disconnect();
    // A track does not end by itself in a room that one was thrown out of.
    await Promise.all(this.#tracks.map((reader) => reader.cancel()));
  }

  #receive(track: RemoteTrack, _publication: RemoteTrackPublication, { identity }: RemoteParticipant): void {
    if (track.kind === TrackKind.KIND_AUDIO) void this.#hear(track, identity);
    else void this.#watch(track, identity);
  }

  async #hear(track: RemoteTrack, identity: string): Promise<void> {
    const recording = this.#recordings.get(identity) ?? new Recording();
    this.#recordings.set(identity, recording);
    const options = { sampleRate: SAMPLE_RATE_HZ, numChannels: 1, frameSizeMs: FRAME_MS };
    await this.#take(new AudioStream(track, options), (frame) => recording.write(identity, frame.data));
  }

  async #watch(track: RemoteTrack, from: string): Promise<void> {
    await this.#take(new VideoStream(track), () => this.#pictures.push({ atMs: performance.now(), from }));
  }

  /** Until the track or the listening ends. */
  async #take<Piece>(stream: ReadableStream<Piece>, note: (piece: Piece) => void): Promise<void> {
    const reader = stream.getReader();
    this.#tracks.push(reader);
    for (let next = await reader.read(); !next.done; next = await reader.read()) note(next.value);
  }
}
