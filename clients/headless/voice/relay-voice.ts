import { setTimeout as pause } from 'node:timers/promises';
import { Decoder, Encoder } from '@evan/opus';
import { type AudioSink, type AudioSource, SAMPLE_RATE_HZ } from '../audio/ports.ts';
import { decodePacket, encodePacket } from '../../web/audio/packet.ts';
import type { PacketSocket, SocketVoiceOptions, VoiceTransport } from './port.ts';

const FRAME_MS = 20;
const FRAME_SAMPLES = (SAMPLE_RATE_HZ * FRAME_MS) / 1_000;
const BITS_PER_SECOND = 24_000;

/** What is heard now. */
interface Heard {
  readonly streamId: number;
  readonly decoder: Decoder;
}

/** A group's voice as Opus packets over the connection's own WebSocket. What is received is played as it comes. */
export class RelayVoice implements VoiceTransport {
  readonly #microphone: AudioSource;
  readonly #loudspeaker: AudioSink;
  readonly #socket: PacketSocket;
  readonly #stopListening: () => void;
  #heard: Heard | null = null;
  #talk: AbortController | null = null;

  constructor({ microphone, loudspeaker, socket }: SocketVoiceOptions) {
    this.#microphone = microphone;
    this.#loudspeaker = loudspeaker;
    this.#socket = socket;
    this.#stopListening = socket.onPacket((bytes) => this.#hear(bytes));
  }

  /** The socket that brought the grant carries the sound too: it can be heard at once. */
  async startTalk({ streamId }: { readonly streamId: number }): Promise<void> {
    this.#talk?.abort();
    this.#talk = new AbortController();
    void this.#send(streamId, this.#talk.signal);
  }

  async stopTalk(): Promise<void> {
    this.#talk?.abort();
    this.#talk = null;
  }

  async close(): Promise<void> {
    await this.stopTalk();
    this.#stopListening();
  }

  /** Sends the microphone in real time; a late timer is made up for. */
  async #send(streamId: number, signal: AbortSignal): Promise<void> {
    const encoder = new Encoder({ channels: 1, sample_rate: SAMPLE_RATE_HZ, application: 'voip' });
    encoder.bitrate = BITS_PER_SECOND;
    const startedAtMs = performance.now();
    for (let number = 0; !signal.aborted; number += 1) {
      const opus = encoder.encode(this.#microphone.read(FRAME_SAMPLES));
      this.#socket.sendPacket(encodePacket({ streamId, number, opus }));
      const earlyMs = startedAtMs + (number + 1) * FRAME_MS - performance.now();
      await pause(Math.max(0, earlyMs));
    }
  }

  #hear(bytes: Buffer): void {
    const packet = decodePacket(bytes);
    if (packet === null) return;
    const { streamId } = packet;
    if (this.#heard?.streamId !== streamId) {
      this.#heard = { streamId, decoder: new Decoder({ channels: 1, sample_rate: SAMPLE_RATE_HZ }) };
    }
    const pcm = this.#heard.decoder.decode(packet.opus);
    this.#loudspeaker.write(`stream ${streamId}`, new Int16Array(pcm.buffer, pcm.byteOffset, pcm.length / 2).slice());
  }
}
