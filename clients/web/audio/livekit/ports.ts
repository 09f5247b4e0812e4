import type { Media } from '../../../../src/realtime/protocol/index.ts';

export type LivekitMedia = Extract<Media, { readonly kind: 'livekit' }>;

/** What is sent of the microphone: a copy of its track for one talk. Once stopped it gives nothing for good. */
export interface Recording {
  stop(): void;
}

/** The sound of somebody else in the room. */
export interface RemoteVoice {
  readonly identity: string;
  play(): void;
  silence(): void;
}

export interface RoomEvents {
  /** The right to publish, or what is published, has changed, or the connection has come back by itself: look again. */
  readonly onChange: () => void;
  /** Somebody has subscribed to what is published here. */
  readonly onSubscribed: () => void;
  /** A voice has come or gone. */
  readonly onVoices: () => void;
  /** The connection is being repaired. */
  readonly onRepair: () => void;
  /** The connection is over, for whatever reason. */
  readonly onLost: () => void;
}

/** One connection to a room of the media server; a lost one is not used again. */
export interface RoomPort<Track extends Recording> {
  /** Rejects when it does not stand within a few seconds. */
  connect(media: LivekitMedia): Promise<void>;
  readonly mayPublish: boolean;
  readonly isPublishing: boolean;
  /** Is nobody else in the room? */
  readonly isAlone: boolean;
  readonly voices: readonly RemoteVoice[];
  /** Resolves when the media server has it; rejects when it refuses. */
  publish(track: Track): Promise<void>;
  /** Takes back whatever is published. */
  unpublish(): Promise<void>;
  close(): void;
}
