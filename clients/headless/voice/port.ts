import type { AudioSink, AudioSource } from '../audio/ports.ts';
import type { Media } from '../messages.ts';

/** Binary messages of the connection, for a transport that goes over it. */
export interface PacketSocket {
  sendPacket(packet: Uint8Array): void;
  /** Returns the way to stop listening. */
  onPacket(listener: (packet: Buffer) => void): () => void;
}

/** What a transport does its work with. */
export interface VoiceOptions {
  readonly microphone: AudioSource;
  readonly loudspeaker: AudioSink;
}

/** As `VoiceOptions`, for a transport over the connection's own socket. */
export interface SocketVoiceOptions extends VoiceOptions {
  readonly socket: PacketSocket;
}

/**
 * One group's voice for one connection. The floor decides when it talks: the client calls `startTalk` on
 * `TALK_GRANTED` and `stopTalk` at the end of the talk, whatever ended it.
 */
export interface VoiceTransport {
  /**
   * Sends the microphone from now on. Resolves at the go-ahead: somebody receives it, or nobody is there to.
   * Rejects when it cannot be sent; `stopTalk` while it is still starting makes it resolve without talking.
   */
  startTalk(grant: { readonly media: Media; readonly streamId: number }): Promise<void>;
  /** Sends nothing any more. Does nothing when it did not talk. */
  stopTalk(): Promise<void>;
  close(): Promise<void>;
}
