import type { FloorStore, FloorTimings, RenewOutcome } from '../floor/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { Room } from './room.ts';
import type { TalkerWatch } from './talker-watch.ts';
import type { Withdrawals } from './withdrawals.ts';

/** A talk is given up this long before its lease can lapse. */
const LEASE_MARGIN_MS = 500;

export interface TalkLeasesOptions {
  readonly store: FloorStore;
  readonly relay: VoiceRelay;
  readonly withdrawals: Withdrawals;
  readonly timings: FloorTimings;
  readonly watch: TalkerWatch;
}

/** The leases of the talks that this process holds in one group: renewed in time, or given up in time. */
export class TalkLeases {
  readonly #room: Room;
  readonly #options: TalkLeasesOptions;

  constructor(room: Room, options: TalkLeasesOptions) {
    this.#room = room;
    this.#options = options;
  }

  /** Renews them, and the presence of this process with them. Throws `FloorStoreUnavailable`; they run on then. */
  async renew(): Promise<RenewOutcome> {
    const { store, timings } = this.#options;
    const { groupId, honoured, grants, members } = this.#room;
    const sentAtMs = performance.now();
    const talkIds = [...honoured.keys()];
    const outcome = await store.renew({
      groupId,
      honouredTalkIds: [...talkIds, ...grants.keys()],
      members: [...members.values()].filter((entry) => entry.sent).length,
    });
    for (const talkId of talkIds) {
      const talk = honoured.get(talkId);
      if (talk !== undefined) talk.leaseEndsAtMs = sentAtMs + timings.leaseMs;
    }
    return outcome;
  }

  /** `openTalkId`: the talk that there is by the store, null for none. */
  giveUpOtherThan(openTalkId: string | null): void {
    for (const talkId of [...this.#room.honoured.keys()]) if (talkId !== openTalkId) this.#giveUp(talkId);
  }

  giveUpLapsed(nowMs: number): void {
    for (const [talkId, { leaseEndsAtMs }] of [...this.#room.honoured]) {
      if (nowMs >= leaseEndsAtMs - LEASE_MARGIN_MS) this.#giveUp(talkId);
    }
  }

  /** The talk cannot be vouched for any more: its talker is told and his right withdrawn, whatever the store says. */
  #giveUp(talkId: string): void {
    const { relay, watch, withdrawals } = this.#options;
    const { groupId, honoured, members } = this.#room;
    const talk = honoured.get(talkId);
    honoured.delete(talkId);
    relay.end(talkId);
    if (talk === undefined) return;
    const entry = members.get(talk.connectionId);
    if (entry !== undefined) {
      watch.end(entry.connection, groupId);
      this.#room.tellRevoked(entry.connection, talkId, 'expired', 0);
    }
    if (talk.identity !== null) withdrawals.begin(groupId, [talk.identity]);
  }
}
