import type { Media } from '../../../src/realtime/protocol/index.ts';
import type { CurrentTalk } from '../talk/room.ts';
import type { OwnTalk } from '../talk/talk-key.ts';

export interface TalkPorts {
  /** Sends one packet over the WebSocket, or drops it. */
  readonly send: (bytes: Uint8Array<ArrayBuffer>) => void;
  /** The others can hear what is said from now on. Called once a talk. */
  readonly onAir: () => void;
}

/** The sound of one group, in both directions. There is one for each way that it can travel. */
export interface Carrier {
  /** One's own talk begins. */
  start(talk: OwnTalk, ports: TalkPorts): void;
  /** The WebSocket is lost: until `resume`, nothing of the microphone leaves. */
  pause(): void;
  /** The talk has survived, and the server has said so. */
  resume(talk: OwnTalk): void;
  stop(): void;
  /** Who holds the floor now; null: nobody. Called when that changes. */
  follow(talk: CurrentTalk | null): void;
  /** Binary messages of the WebSocket. */
  receive(bytes: Uint8Array): void;
  /** The group was joined again. */
  renew(media: Media): void;
  close(): void;
}
