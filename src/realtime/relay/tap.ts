/** A talk whose packets pass through this process. */
export interface TappedTalk {
  readonly groupId: string;
  readonly talkId: string;
  readonly streamId: number;
  /** The talker's, as it is now: he may come back on another one. */
  readonly connectionId: string;
}

/** Takes what passes. No method throws or waits. */
export interface AudioSink {
  begins?(talk: TappedTalk): void;
  /**
   * The packets of a talk, in the order in which they were accepted. `packet` is as it came (packet.ts) and does not
   * change afterwards.
   */
  packet(talk: TappedTalk, packet: Buffer): void;
  ends?(talk: TappedTalk): void;
}
