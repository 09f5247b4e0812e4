import {
  ConnectionState,
  type RemoteAudioTrack,
  type RemoteTrack,
  Room,
  RoomEvent,
  setLogLevel,
  Track,
  type TrackPublishOptions,
} from 'livekit-client';
import type { LivekitMedia, RemoteVoice, RoomEvents, RoomPort } from './ports.ts';

/** Longer than that, and the network lets no WebRTC through. */
const CONNECT_LIMIT_MS = 5_000;

/**
 * Every packet carries the one before it again, so that a lost one is not heard, and silence costs nothing: a radio's
 * network is a bad one, and its talk has pauses. The bit rate is that of the relay.
 */
const PUBLISHING: TrackPublishOptions = {
  source: Track.Source.Microphone,
  audioPreset: { maxBitrate: 32_000 },
  dtx: true,
  red: true,
  forceStereo: false,
};

setLogLevel('warn');

/** A room of livekit-client. This file is a bundle of its own, loaded when the server has a media server. */
export class LivekitRoom implements RoomPort<MediaStreamTrack> {
  readonly #room: Room;
  readonly #voices = new Map<string, Voice>();

  constructor(context: AudioContext, events: RoomEvents) {
    this.#room = new Room({
      // Measured: the first sound is heard 60 ms sooner than with one connection for both directions.
      singlePeerConnection: false,
      webAudioMix: { audioContext: context },
      stopLocalTrackOnUnpublish: true,
    });
    const lookAgain = (): void => {
      // While livekit-client repairs the connection it takes back and publishes by itself.
      if (this.#room.state === ConnectionState.Connected) events.onChange();
    };
    this.#room
      .on(RoomEvent.ParticipantPermissionsChanged, (_before, participant) => {
        if (participant.isLocal) lookAgain();
      })
      .on(RoomEvent.LocalTrackPublished, lookAgain)
      .on(RoomEvent.LocalTrackUnpublished, lookAgain)
      .on(RoomEvent.LocalTrackSubscribed, () => events.onSubscribed())
      .on(RoomEvent.TrackSubscribed, (track, publication, { identity }) => {
        if (!isMicrophone(track) || publication.source !== Track.Source.Microphone) return;
        this.#voices.set(publication.trackSid, new Voice(identity, track));
        events.onVoices();
      })
      .on(RoomEvent.TrackUnsubscribed, (_track, { trackSid }) => {
        this.#voices.get(trackSid)?.silence();
        if (this.#voices.delete(trackSid)) events.onVoices();
      })
      .on(RoomEvent.Reconnecting, () => events.onRepair())
      .on(RoomEvent.SignalReconnecting, () => events.onRepair())
      .on(RoomEvent.Reconnected, lookAgain)
      .on(RoomEvent.Disconnected, () => events.onLost());
  }

  get mayPublish(): boolean {
    return this.#room.localParticipant.permissions?.canPublish === true;
  }

  get isPublishing(): boolean {
    return this.#room.localParticipant.trackPublications.size > 0;
  }

  get isAlone(): boolean {
    return this.#room.remoteParticipants.size === 0;
  }

  get voices(): readonly RemoteVoice[] {
    return [...this.#voices.values()];
  }

  async connect({ url, token }: LivekitMedia): Promise<void> {
    const limit = setTimeout(() => this.close(), CONNECT_LIMIT_MS);
    try {
      await this.#room.connect(url, token, {
        maxRetries: 0,
        websocketTimeout: CONNECT_LIMIT_MS,
        peerConnectionTimeout: CONNECT_LIMIT_MS,
      });
    } finally {
      clearTimeout(limit);
    }
  }

  async publish(track: MediaStreamTrack): Promise<void> {
    await this.#room.localParticipant.publishTrack(track, PUBLISHING);
  }

  async unpublish(): Promise<void> {
    const published = [...this.#room.localParticipant.trackPublications.values()];
    const tracks = published.flatMap(({ track }) => (track === undefined ? [] : [track]));
    await this.#room.localParticipant.unpublishTracks(tracks);
  }

  close(): void {
    for (const voice of this.#voices.values()) voice.silence();
    void this.#room.disconnect();
  }
}

class Voice implements RemoteVoice {
  readonly identity: string;
  readonly #track: RemoteAudioTrack;

  constructor(identity: string, track: RemoteAudioTrack) {
    this.identity = identity;
    this.#track = track;
  }

  play(): void {
    this.#track.attach();
  }

  silence(): void {
    this.#track.detach();
  }
}

function isMicrophone(track: RemoteTrack): track is RemoteAudioTrack {
  return track.kind === Track.Kind.Audio;
}
