import type { Media as MediaDescription } from '../protocol/index.ts';

/**
 * The media server under the floor's rule (media.md): granted = SPEAK confirmed, freed = LISTEN confirmed.
 * Calls for one group run in the order made. An identity whose last call had an unknown outcome is tainted:
 * the adapter asserts its desired state again until it is read back.
 */
export interface MediaServer {
  readonly kind: 'livekit' | 'none';
  /**
   * Gives the right to publish. `absent`: the participant is not in the room and joins with the token of the
   * grant. Throws `MediaUnavailable` when it is refused or not confirmed within `budgetMs`.
   */
  allowSpeaking(groupId: string, identity: string, budgetMs: number): Promise<'confirmed' | 'absent'>;
  /**
   * Withdraws the right to publish. Resolves when the server confirmed it or the participant is not there.
   * Throws `MediaUnavailable` when not confirmed within `budgetMs`; the adapter goes on trying.
   */
  withdrawSpeaking(groupId: string, identity: string, budgetMs: number): Promise<void>;
  /**
   * Brings what somebody may publish to what the live store says of the floor, also where that changes meanwhile; for
   * a right that may have been lost. Throws when it cannot be known or is not confirmed; the adapter goes on trying.
   */
  assertRight(groupId: string, identity: string): Promise<void>;
  /**
   * Disconnects somebody from the room of a group, who may come back; nothing happens when he is not there. Throws
   * `MediaUnavailable` when that was not confirmed within a second.
   */
  dismiss(groupId: string, identity: string): Promise<void>;
  /** How a member hears the group: a token without the right to publish. */
  listenDescription(groupId: string, identity: string): Promise<MediaDescription>;
  /** How a talker is heard: a token with the right to publish one microphone track. */
  publishDescription(groupId: string, identity: string): Promise<MediaDescription>;
  /** `off` where no media server is configured. */
  health(): Promise<'ok' | 'down' | 'off'>;
  close(): Promise<void>;
}

/** The media server refused, failed, or did not answer in time. */
export class MediaUnavailable extends Error {
  override readonly name = 'MediaUnavailable';
  /** The media server is away or slow, of which its adapter tells once; else it is this call that was not obeyed. */
  readonly isOutage: boolean;
  /** The right that was asked for was certainly not given, and will not be. */
  readonly wasRefused: boolean;

  constructor(message: string, isOutage: boolean, wasRefused: boolean) {
    super(message);
    this.isOutage = isOutage;
    this.wasRefused = wasRefused;
  }
}

/** The media identity of one session of a user: the same for all rooms. */
export function mediaIdentity(userId: string, sessionId: string): string {
  return `u_${userId}.${sessionId}`;
}
