import type { FloorStore, FloorTimings } from '../floor/index.ts';
import type { MediaServer } from '../media/index.ts';
import type { Media } from '../protocol/index.ts';
import { relayMedia, type VoiceRelay } from '../relay/index.ts';
import type { Room, RoomMember } from './room.ts';

export interface GroupMediaOptions {
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly timings: FloorTimings;
}

/** How the members of one group hear, and how its talks are heard: by the media server, by audio packets or not at all. */
export class GroupMedia {
  readonly #room: Room;
  readonly #options: GroupMediaOptions;

  constructor(room: Room, options: GroupMediaOptions) {
    this.#room = room;
    this.#options = options;
  }

  /** What a member is told of his media when he may only listen. */
  async listenDescription({ identity, audio }: Pick<RoomMember, 'identity' | 'audio'>): Promise<Media> {
    if (audio) return relayMedia;
    if (identity === null) return { kind: 'none' };
    return this.#options.media.listenDescription(this.#room.groupId, identity);
  }

  /**
   * What a talker is told of his media; `asked` is the right that he asks for. Whose talk is open already is heard as it
   * was granted, whatever he has joined with since.
   */
  async publishDescription({ connection, audio, identity: own }: RoomMember, asked: string | null): Promise<Media> {
    const { groupId, honoured } = this.#room;
    const open = [...honoured.values()].find(({ connectionId }) => connectionId === connection.id);
    const identity = open === undefined ? asked : open.identity;
    if (identity !== null) return this.#options.media.publishDescription(groupId, identity);
    // Who began with audio, and is back without, is heard by audio or not at all.
    const isOfAudio = audio || (open !== undefined && own !== null);
    return isOfAudio ? relayMedia : { kind: 'none' };
  }

  /** On whose right to publish a talk stands whose talker is back, null where it needs none; undefined: it has ended. */
  async rightOf(talkId: string): Promise<string | null | undefined> {
    const { store, media } = this.#options;
    const { groupId, honoured } = this.#room;
    if (media.kind === 'none') return null;
    const known = honoured.get(talkId);
    if (known !== undefined) return known.identity;
    const { talk } = await store.publishers({ groupId });
    return talk?.talkId === talkId ? talk.identity : undefined;
  }

  /**
   * Lets the audio packets of a talk of this process pass when its talker sends such, and watches over his silence where
   * it is a talk of audio packets, also when he is back without audio. A talk that stands on a right to publish stays
   * with the media server to its end: else its talker had two voices.
   */
  carry(talkId: string, streamId: number): void {
    const { groupId, honoured, members } = this.#room;
    const { relay, media } = this.#options;
    const lease = honoured.get(talkId);
    if (lease === undefined || lease.identity !== null) return;
    const sendsAudio = members.get(lease.connectionId)?.audio === true;
    const isOfAudio = relay.carries(talkId) || media.kind === 'livekit';
    if (!sendsAudio && !isOfAudio) return;
    relay.begin({ groupId, talkId, streamId, connectionId: lease.connectionId, lease }, sendsAudio);
  }

  /**
   * Lets nothing more pass of the audio talker whom a reservation is about to pre-empt, wherever he talks, until the
   * reservation is void; null when it pre-empts none. Returns how to let him be heard again before.
   */
  async hushPreempted(): Promise<(() => Promise<void>) | null> {
    const { store, relay, timings } = this.#options;
    const { groupId } = this.#room;
    const { talk, reserved } = await store.publishers({ groupId });
    if (talk === null || talk.identity !== null || reserved?.over !== talk.talkId) return null;
    await relay.hushEverywhere(groupId, talk.talkId, timings.pendingMs);
    return () => relay.hushEverywhere(groupId, talk.talkId, 0);
  }
}
