import type { Media } from '../../../../src/realtime/protocol/index.ts';
import type { Surroundings } from '../../link/ports.ts';
import type { CurrentTalk } from '../../talk/room.ts';
import type { OwnTalk } from '../../talk/talk-key.ts';
import type { Carrier, TalkPorts } from '../carrier.ts';
import { heardIdentity } from './heard.ts';
import type { LivekitMedia, Recording, RemoteVoice, RoomEvents, RoomPort } from './ports.ts';

/** The go-ahead waits for the first who subscribes, but not for ever. Where nobody else is, nobody misses a word. */
const SUBSCRIPTION_LIMIT_MS = 1_500;
/** The right is given before the grant is sent; where it does not show by then, the room is joined anew with the grant's token. */
const RIGHT_LIMIT_MS = 1_000;
const PUBLISH_RETRY_MS = 300;
/** What was said until the end is still on its way when the end is known. */
const TAIL_MS = 200;
/**
 * Every publication leaves a line in the session description for good, and each talk begins later than the one before
 * (measured: after 160 ms the first 20 times, 740 ms after 120). So a used connection is exchanged for a new one when
 * nobody has talked for a while.
 */
const USED_AFTER_PUBLICATIONS = 20;
const QUIET_MS = 5_000;
const RECONNECT_MS = [500, 1_000, 2_000, 4_000, 8_000];

export interface LivekitOptions<Track extends Recording> {
  readonly groupId: string;
  readonly media: LivekitMedia;
  readonly openRoom: (events: RoomEvents) => RoomPort<Track>;
  /** A fresh token for listening. Rejects while the server cannot give one. */
  readonly freshMedia: () => Promise<Media>;
  /** Opens the microphone for a talk; null when there is none. */
  readonly record: () => Track | null;
  readonly closeMicrophone: () => void;
  readonly surroundings: Surroundings;
  readonly onState: (state: LivekitState) => void;
}

/** `unreachable`: it never stood, and WebRTC will not come to stand from here. */
export type LivekitState = 'connecting' | 'connected' | 'repairing' | 'unreachable';

interface Talk {
  readonly ports: TalkPorts;
  media: LivekitMedia | null;
  isPaused: boolean;
  isOnAir: boolean;
}

/** One publication, from before it is asked for until it is taken back. */
interface Sending<Track> {
  readonly talk: Talk;
  readonly track: Track;
  isPublished: boolean;
  isOver: boolean;
}

/**
 * Sound by WebRTC. The floor decides: published is only what belongs to one's own talk, as long as the server has
 * confirmed it on this very WebSocket, and heard is only who holds the floor. Whatever happens to the connection, the
 * state that should be is compared with the one that is and brought about; what LiveKit's client publishes again by
 * itself after a repair is taken back like anything else that nobody wants.
 */
export class LivekitCarrier<Track extends Recording> implements Carrier {
  readonly #options: LivekitOptions<Track>;
  #room: RoomPort<Track> | null = null;
  #isConnected = false;
  #hasStood = false;
  #attempts = 0;
  #isClosed = false;
  #talk: Talk | null = null;
  #sending: Sending<Track> | null = null;
  /** Publications are taken back one after the other, and before the next: two at once would be an attack. */
  #isWithdrawing = false;
  /** Of this room. */
  #publications = 0;
  #stopQuietTimer: (() => void) | null = null;
  #floor: CurrentTalk | null = null;
  #playing: RemoteVoice | null = null;
  #stopTail: (() => void) | null = null;
  #stopRightTimer: (() => void) | null = null;
  #stopRetry: (() => void) | null = null;

  constructor(options: LivekitOptions<Track>) {
    this.#options = options;
    void this.#connect(options.media);
  }

  start(talk: OwnTalk, ports: TalkPorts): void {
    this.stop();
    this.#talk = { media: livekitOf(talk.media), ports, isPaused: false, isOnAir: false };
    this.#look();
  }

  pause(): void {
    if (this.#talk === null) return;
    this.#talk.isPaused = true;
    this.#look();
  }

  resume(talk: OwnTalk): void {
    if (this.#talk === null) return;
    this.#talk.media = livekitOf(talk.media);
    this.#talk.isPaused = false;
    this.#look();
  }

  stop(): void {
    this.#talk = null;
    this.#stopAwaiting();
    this.#options.closeMicrophone();
    this.#look();
  }

  follow(talk: CurrentTalk | null): void {
    this.#floor = talk;
    this.#play();
    this.#exchangeLater();
  }

  receive(): void {
    // The server sends no packets to a connection that did not ask for them.
  }

  renew(media: Media): void {
    const fresh = livekitOf(media);
    if (fresh !== null && this.#room === null) void this.#connect(fresh);
  }

  close(): void {
    this.#isClosed = true;
    this.stop();
    this.#leaveRoom();
    this.#stopRetry?.();
  }

  async #connect(media: LivekitMedia): Promise<void> {
    this.#leaveRoom();
    this.#stopRetry?.();
    if (this.#isClosed) return;
    const ifCurrent = (then: () => void) => (): void => {
      if (room === this.#room) then();
    };
    const room = this.#options.openRoom({
      onChange: ifCurrent(() => this.#repaired()),
      onSubscribed: ifCurrent(() => this.#air(this.#sending?.talk)),
      onVoices: ifCurrent(() => this.#play()),
      onRepair: ifCurrent(() => this.#options.onState('repairing')),
      onLost: ifCurrent(() => this.#lost()),
    });
    this.#room = room;
    this.#options.onState('connecting');
    try {
      await room.connect(media);
    } catch {
      if (room === this.#room) this.#lost();
      return;
    }
    if (room !== this.#room) return;
    this.#isConnected = true;
    this.#hasStood = true;
    this.#attempts = 0;
    this.#repaired();
    this.#play();
  }

  #repaired(): void {
    if (!this.#isConnected) return;
    this.#options.onState('connected');
    this.#look();
  }

  #leaveRoom(): void {
    this.#sending?.track.stop();
    this.#sending = null;
    this.#isWithdrawing = false;
    this.#publications = 0;
    this.#stopQuietTimer?.();
    this.#stopAwaiting();
    this.#silence();
    this.#isConnected = false;
    this.#room?.close();
    this.#room = null;
  }

  #lost(): void {
    this.#leaveRoom();
    if (!this.#hasStood) this.#options.onState('unreachable');
    else this.#connectLater();
  }

  #connectLater(): void {
    this.#options.onState('repairing');
    const delayMs = RECONNECT_MS[Math.min(this.#attempts, RECONNECT_MS.length - 1)] ?? 0;
    this.#attempts += 1;
    this.#stopRetry = this.#options.surroundings.after(delayMs, () => void this.#connectAgain());
  }

  get #isQuiet(): boolean {
    return this.#talk === null && this.#floor === null;
  }

  #exchangeLater(): void {
    this.#stopQuietTimer?.();
    const room = this.#room;
    if (room === null || this.#publications < USED_AFTER_PUBLICATIONS || !this.#isQuiet) return;
    this.#stopQuietTimer = this.#options.surroundings.after(QUIET_MS, () => void this.#exchange(room));
  }

  async #exchange(room: RoomPort<Track>): Promise<void> {
    const media = await this.#options.freshMedia().then(livekitOf, () => null);
    if (room !== this.#room || !this.#isQuiet) return;
    if (media === null) this.#exchangeLater();
    else await this.#connect(media);
  }

  async #connectAgain(): Promise<void> {
    const media = await this.#options.freshMedia().then(livekitOf, () => null);
    if (this.#room !== null || this.#isClosed) return;
    if (media === null) this.#connectLater();
    else await this.#connect(media);
  }

  /** Compares what should be published with what is, and does the next step. */
  #look(): void {
    const room = this.#room;
    if (room === null || !this.#isConnected || this.#isWithdrawing) return;
    const wanted = this.#talk?.isPaused === false ? this.#talk : null;
    const sending = this.#sending;
    if (sending !== null) {
      if (sending.talk !== wanted) {
        sending.isOver = true;
        sending.track.stop();
      }
      // It is not taken back before the media server has answered.
      if (sending.isPublished && (sending.isOver || !room.isPublishing)) void this.#withdraw(room);
      return;
    }
    if (room.isPublishing) void this.#withdraw(room);
    else if (wanted !== null) this.#send(room, wanted);
  }

  #send(room: RoomPort<Track>, talk: Talk): void {
    if (!room.mayPublish) {
      this.#awaitRight(talk);
      return;
    }
    this.#stopAwaiting();
    const track = this.#options.record();
    if (track === null) return;
    const sending: Sending<Track> = { talk, track, isPublished: false, isOver: false };
    this.#sending = sending;
    room.publish(track).then(
      () => {
        if (sending !== this.#sending) return;
        sending.isPublished = true;
        this.#publications += 1;
        this.#options.surroundings.after(room.isAlone ? 0 : SUBSCRIPTION_LIMIT_MS, () => {
          if (sending === this.#sending) this.#air(talk);
        });
        this.#look();
      },
      () => {
        if (sending !== this.#sending) return;
        track.stop();
        this.#sending = null;
        this.#options.surroundings.after(PUBLISH_RETRY_MS, () => this.#look());
      },
    );
  }

  /** Usually the media server's word is here before the grant; it is not where this participant was unknown to it. */
  #awaitRight(talk: Talk): void {
    if (talk.media === null || this.#stopRightTimer !== null) return;
    const { media } = talk;
    this.#stopRightTimer = this.#options.surroundings.after(RIGHT_LIMIT_MS, () => {
      this.#stopRightTimer = null;
      if (this.#room?.mayPublish === false) void this.#connect(media);
    });
  }

  #stopAwaiting(): void {
    this.#stopRightTimer?.();
    this.#stopRightTimer = null;
  }

  async #withdraw(room: RoomPort<Track>): Promise<void> {
    this.#sending?.track.stop();
    this.#sending = null;
    this.#isWithdrawing = true;
    await room.unpublish().catch(() => undefined);
    if (room !== this.#room) return;
    this.#isWithdrawing = false;
    // What could not be taken back now is, at the next change, which a repaired connection is as well.
    if (!room.isPublishing) this.#look();
  }

  #air(talk: Talk | undefined): void {
    if (talk === undefined || talk !== this.#talk || talk.isPaused || talk.isOnAir) return;
    talk.isOnAir = true;
    talk.ports.onAir();
  }

  #play(): void {
    const voices = this.#room?.voices ?? [];
    const identities = voices.map(({ identity }) => identity);
    const heard = heardIdentity(identities, this.#options.groupId, this.#floor);
    const voice = voices.find(({ identity }) => identity === heard) ?? null;
    if (voice !== null && voice === this.#playing) {
      this.#cancelTail();
      return;
    }
    if (voice === null && this.#playing !== null && voices.includes(this.#playing)) {
      this.#stopTail ??= this.#options.surroundings.after(TAIL_MS, () => this.#silence());
      return;
    }
    this.#silence();
    this.#playing = voice;
    voice?.play();
  }

  #silence(): void {
    this.#cancelTail();
    this.#playing?.silence();
    this.#playing = null;
  }

  #cancelTail(): void {
    this.#stopTail?.();
    this.#stopTail = null;
  }
}

function livekitOf(media: Media): LivekitMedia | null {
  return media.kind === 'livekit' ? media : null;
}
