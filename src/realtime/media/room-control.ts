import { type ParticipantInfo, RoomServiceClient, ServerError, TrackSource, TrackType } from 'livekit-server-sdk';
import type { MediaBreaker } from './breaker.ts';
import { CallFailed, callFailed } from './call-failed.ts';
import type { LISTEN } from './permissions.ts';

export interface RoomControlAddress {
  /** `http://` or `https://`. */
  readonly host: string;
  readonly apiKey: string;
  readonly apiSecret: { reveal(): string };
}

type Rights = typeof LISTEN;

/** Somebody in a room. */
export interface Guest {
  readonly identity: string;
  readonly mayPublish: boolean;
  readonly tracks: readonly GuestTrack[];
}

export interface GuestTrack {
  /** Sound that is said to come from a microphone; the label alone says nothing (media.md). */
  readonly isVoice: boolean;
}

export interface RoomSize {
  readonly name: string;
  /** LiveKit's own name of it: another room of the same name has another. */
  readonly sid: string;
  /** May be 10 s old, as `publishers`. */
  readonly participants: number;
  readonly publishers: number;
}

/**
 * The calls of LiveKit's room service that the floor needs, each with a limit of its own in milliseconds, after
 * which it is aborted. All throw `CallFailed`, and all but `probe` at once while the media server cannot be used.
 */
export class RoomControl {
  readonly #address: RoomControlAddress;
  readonly #breaker: MediaBreaker;

  constructor(address: RoomControlAddress, breaker: MediaBreaker) {
    this.#address = address;
    this.#breaker = breaker;
  }

  /** Replaces all rights of a participant. `absent`: no such room, or he is not in it. */
  async setRights(room: string, identity: string, rights: Rights, limitMs: number): Promise<'confirmed' | 'absent'> {
    const applied = await this.#call(limitMs, (client) =>
      client.updateParticipant(room, identity, { permission: rights }),
    );
    if (applied === 'absent') return 'absent';
    if (applied.permission?.canPublish !== rights.canPublish) throw new CallFailed('not_applied');
    return 'confirmed';
  }

  /** Whether a participant may publish now. */
  async readRight(room: string, identity: string, limitMs: number): Promise<'may_publish' | 'listens' | 'absent'> {
    const participant = await this.#call(limitMs, (client) => client.getParticipant(room, identity));
    if (participant === 'absent') return 'absent';
    return participant.permission?.canPublish === false ? 'listens' : 'may_publish';
  }

  /** Everybody in a room; nobody when there is none of that name. */
  async guests(room: string, limitMs: number): Promise<readonly Guest[]> {
    const participants = await this.#call(limitMs, (client) => client.listParticipants(room));
    return participants === 'absent' ? [] : participants.map(guestOf);
  }

  /** One participant; null when he is not there. */
  async guest(room: string, identity: string, limitMs: number): Promise<Guest | null> {
    const participant = await this.#call(limitMs, (client) => client.getParticipant(room, identity));
    return participant === 'absent' ? null : guestOf(participant);
  }

  /** All rooms of the media server, of whichever deployment. */
  async rooms(limitMs: number): Promise<readonly RoomSize[]> {
    const rooms = await this.#call(limitMs, (client) => client.listRooms());
    if (rooms === 'absent') return [];
    return rooms.map(({ name, sid, numParticipants, numPublishers }) => ({
      name,
      sid,
      participants: numParticipants,
      publishers: numPublishers,
    }));
  }

  /** Disconnects a participant; nothing happens when he is not there. */
  async remove(room: string, identity: string, limitMs: number): Promise<void> {
    await this.#call(limitMs, (client) => client.removeParticipant(room, identity));
  }

  /** Succeeds when the media server is well, and accepts the key. Asks for one room only: the list may be long. */
  async probe(room: string, limitMs: number): Promise<void> {
    await Promise.all([this.#greet(limitMs), this.#make(limitMs, (client) => client.listRooms([room]))]);
  }

  async #greet(limitMs: number): Promise<void> {
    try {
      const answer = await fetch(this.#address.host, { signal: AbortSignal.timeout(limitMs) });
      await answer.body?.cancel();
      if (!answer.ok) throw new CallFailed('server_error', String(answer.status));
    } catch (error) {
      throw callFailed(error);
    }
  }

  #call<Result>(limitMs: number, call: (client: RoomServiceClient) => Promise<Result>): Promise<Result | 'absent'> {
    return this.#breaker.call(() => this.#make(limitMs, call));
  }

  async #make<Result>(
    limitMs: number,
    call: (client: RoomServiceClient) => Promise<Result>,
  ): Promise<Result | 'absent'> {
    const { host, apiKey, apiSecret } = this.#address;
    // The client is a plain object without connections; only its constructor takes the limit.
    const client = new RoomServiceClient(host, apiKey, apiSecret.reveal(), {
      requestTimeout: Math.max(1, Math.floor(limitMs)) / 1000,
      failover: false,
    });
    try {
      return await call(client);
    } catch (error) {
      if (error instanceof ServerError && error.status === 404) return 'absent';
      // Without the cause: see CallFault.
      throw callFailed(error);
    }
  }
}

function guestOf({ identity, permission, tracks }: ParticipantInfo): Guest {
  return {
    identity,
    mayPublish: permission?.canPublish !== false,
    tracks: tracks.map(({ type, source }) => ({
      isVoice: type === TrackType.AUDIO && source === TrackSource.MICROPHONE,
    })),
  };
}
