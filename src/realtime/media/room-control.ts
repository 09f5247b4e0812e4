import { RoomServiceClient, ServerError } from 'livekit-server-sdk';
import type { LISTEN } from './permissions.ts';

/** Why a call to the media server failed. Never the vendor's own words: LiveKit repeats the caller's token in them. */
export type CallFault =
  | 'unreachable'
  | 'unauthorized'
  | 'refused'
  | 'timeout'
  | 'broken_off'
  | 'server_error'
  | 'not_applied';

/** Faults after which a call was not carried out and will not be. */
const HARMLESS: ReadonlySet<CallFault> = new Set(['unreachable', 'unauthorized', 'refused']);

/** A call to the media server failed. */
export class CallFailed extends Error {
  override readonly name = 'CallFailed';
  readonly fault: CallFault;

  constructor(fault: CallFault) {
    super(`media server: ${fault}`);
    this.fault = fault;
  }

  /** It may have been carried out nevertheless, now or later. */
  get outcomeUnknown(): boolean {
    return !HARMLESS.has(this.fault);
  }
}

export interface RoomControlAddress {
  /** `http://` or `https://`. */
  readonly host: string;
  readonly apiKey: string;
  readonly apiSecret: { reveal(): string };
}

type Rights = typeof LISTEN;

/**
 * The calls of LiveKit's room service that the floor needs, each with a limit of its own in milliseconds, after
 * which it is aborted. All throw `CallFailed`.
 */
export class RoomControl {
  readonly #address: RoomControlAddress;

  constructor(address: RoomControlAddress) {
    this.#address = address;
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

  /** Disconnects a participant; nothing happens when he is not there. */
  async remove(room: string, identity: string, limitMs: number): Promise<void> {
    await this.#call(limitMs, (client) => client.removeParticipant(room, identity));
  }

  /** Succeeds when the room service answers and accepts the key. Asks for one room only: the list may be long. */
  async probe(room: string, limitMs: number): Promise<void> {
    await this.#call(limitMs, (client) => client.listRooms([room]));
  }

  async #call<Result>(
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
      throw new CallFailed(faultOf(error));
    }
  }
}

function faultOf(error: unknown): CallFault {
  if (error instanceof ServerError) {
    if (error.status === 401 || error.status === 403) return 'unauthorized';
    return error.status >= 500 ? 'server_error' : 'refused';
  }
  if (error instanceof Error && error.name === 'TimeoutError') return 'timeout';
  // `fetch failed` without a connection: nothing was sent. A connection that broke in the call may have delivered it.
  const code = error instanceof Error && error.cause instanceof Error && 'code' in error.cause ? error.cause.code : '';
  return code === 'ECONNREFUSED' || code === 'ENOTFOUND' || code === 'EAI_AGAIN' ? 'unreachable' : 'broken_off';
}
