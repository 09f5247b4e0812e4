import type { CurrentTalk } from '../talk/room.ts';
import type { OwnTalk } from '../talk/talk-key.ts';
import type { Carrier, TalkPorts } from './carrier.ts';
import { OpusEncoder } from './codec.ts';
import type { Microphone } from './microphone.ts';
import { decodePacket, encodePacket } from './packet.ts';
import { Speaker } from './speaker.ts';

/** Sound over the WebSocket: Opus by WebCodecs, in packets of the contract. */
export class RelayCarrier implements Carrier {
  readonly #speaker: Speaker | null;
  readonly #microphone: () => Microphone | null;
  #encoder: OpusEncoder | null = null;
  #isPaused = false;
  #ownStreamId: number | null = null;
  #heardStreamId: number | null = null;

  /** @param canPlay can this browser decode what comes? */
  constructor(context: AudioContext, canPlay: boolean, microphone: () => Microphone | null) {
    this.#speaker = canPlay ? new Speaker(context) : null;
    this.#microphone = microphone;
  }

  /** Packets are numbered also when they are dropped, so that a loss is seen. */
  start({ streamId }: OwnTalk, { send, onAir }: TalkPorts): void {
    this.stop();
    this.#ownStreamId = streamId;
    onAir();
    const microphone = this.#microphone();
    if (microphone === null) return;
    let number = 0;
    const encoder = new OpusEncoder((opus) => {
      if (this.#encoder !== encoder) return;
      if (!this.#isPaused) send(encodePacket({ streamId, number, opus }));
      number += 1;
    });
    this.#encoder = encoder;
    microphone.start((frame) => encoder.encode(frame));
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
  }

  stop(): void {
    this.#isPaused = false;
    this.#microphone()?.stop();
    this.#encoder?.stop();
    this.#encoder = null;
  }

  follow(talk: CurrentTalk | null): void {
    const before = this.#heardStreamId;
    this.#heardStreamId = talk?.streamId ?? null;
    if (before !== null && before !== this.#heardStreamId) this.#speaker?.end(before);
  }

  /** One's own talk, should it ever come back, is not heard. */
  receive(bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet !== null && packet.streamId !== this.#ownStreamId) this.#speaker?.take(packet);
  }

  renew(): void {
    // The WebSocket itself was renewed.
  }

  close(): void {
    this.stop();
    this.#speaker?.close();
  }
}
