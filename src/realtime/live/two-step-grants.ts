import type { CancelInput, FloorStore } from '../floor/index.ts';
import { type Connection, within } from '../gateway/index.ts';
import { type MediaServer, MediaUnavailable } from '../media/index.ts';
import type { RoomKeeper } from './room-keeper.ts';
import { deny, type Denial, denialOfCommit } from './talk-denials.ts';
import type { FloorTelemetry } from './telemetry.ts';
import type { Withdrawals } from './withdrawals.ts';

/** One budget for silencing the old talker and giving the right to the new one (media.md "The rule"). */
const HAND_OVER_BUDGET_MS = 1_500;
/** As long as a live store may be silent before it counts as away (floor.md, invariant 6). */
const LONGEST_GIVING_UP_MS = 300;

/** The floor is reserved for somebody who has not got it yet. */
export interface Reservation {
  readonly keeper: RoomKeeper;
  readonly connection: Connection;
  readonly talkId: string;
  readonly token: string;
  readonly identity: string | null;
  /** The talker whom this one pre-empts, if he has a right to lose. */
  readonly silence: string | null;
  /** Others who may still have the right. */
  readonly withdraw: readonly string[];
  /** Somebody may be pre-empted by it: him whom `silence` names, or one who talks by audio packets. */
  readonly mayPreempt: boolean;
}

interface GivenRight {
  readonly refused: boolean;
  /** The talker who is pre-empted has lost his right. */
  readonly silenced: boolean;
  /** Lets an audio talker who is pre-empted be heard again. */
  readonly unhush: (() => Promise<void>) | null;
  /** False: the asker has certainly not got the right. */
  readonly given: boolean;
}

export interface TwoStepGrantsOptions {
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly withdrawals: Withdrawals;
  readonly telemetry: FloorTelemetry;
  readonly onError: (error: unknown, step: string) => void;
}

/** From the reservation to the grant: the right to publish, then commit (floor.md "Grant in two steps"). */
export class TwoStepGrants {
  readonly #options: TwoStepGrantsOptions;

  constructor(options: TwoStepGrantsOptions) {
    this.#options = options;
  }

  /**
   * Gives the right to publish and commits; whatever goes wrong, the asker gets his one answer. Throws
   * `FloorStoreUnavailable` when a reservation could not be given back; it is, later.
   */
  async drive(reservation: Reservation): Promise<void> {
    const { store } = this.#options;
    const { keeper, connection, talkId, token, identity } = reservation;
    const { groupId } = keeper.room;
    const right = await this.#giveRight(reservation);
    if (right.refused) {
      return this.#refuse(reservation, right, { cause: 'media_unavailable' }, 'media_failed');
    }
    const policy = connection.memberships.get(groupId)?.group.settings;
    if (policy === undefined || !isWanted(reservation)) {
      return this.#refuse(reservation, right, { cause: 'not_joined' }, 'preempted');
    }
    const grant = keeper.room.grants.get(talkId);
    if (grant !== undefined) grant.sentAtMs = performance.now();
    try {
      const outcome = await store.commit({ groupId, talkId, token, policy });
      keeper.apply(outcome);
      if (outcome.status === 'granted') return;
      // The event that the release has made answers the asker.
      if (outcome.cause !== 'released') this.#deny(reservation, denialOfCommit(outcome.cause, identity));
    } catch (error) {
      this.#options.onError(error, 'commit');
      this.#deny(reservation, { cause: 'unavailable' });
    }
    await this.#giveUp(reservation, right, 'preempted');
  }

  /** Gives a right again to somebody who has the floor, unless he has lost it by then. Does not wait for it. */
  assertRight(groupId: string, identity: string): void {
    this.#inBackground('assert right', () => this.#options.media.assertRight(groupId, identity));
  }

  /** Silences who is pre-empted, then gives the right. Stops early when the asker has given up. */
  async #giveRight(reservation: Reservation): Promise<GivenRight> {
    const { media, withdrawals } = this.#options;
    const { silence, identity } = reservation;
    const { groupId } = reservation.keeper.room;
    const endsAtMs = performance.now() + HAND_OVER_BUDGET_MS;
    const leftMs = (): number => Math.max(1, endsAtMs - performance.now());
    let silenced = false;
    let unhush: (() => Promise<void>) | null = null;
    let given = false;
    try {
      await withdrawals.now(groupId, reservation.withdraw, leftMs());
      if (silence !== null && isWanted(reservation)) {
        await media.withdrawSpeaking(groupId, silence, leftMs());
        silenced = true;
      }
      if (identity !== null && silence === null && reservation.mayPreempt && isWanted(reservation)) {
        unhush = await reservation.keeper.media.hushPreempted();
      }
      if (identity !== null && isWanted(reservation)) {
        given = true;
        await media.allowSpeaking(groupId, identity, leftMs());
      }
      return { refused: false, silenced, unhush, given };
    } catch (error) {
      if (error instanceof MediaUnavailable && error.wasRefused) given = false;
      this.#options.onError(error, 'give right');
      if (!silenced && silence !== null) this.assertRight(groupId, silence);
      return { refused: true, silenced, unhush, given };
    }
  }

  /** Whoever asks next does not meet the reservation: it is gone before its asker hears so, unless the store is silent. */
  async #refuse(
    reservation: Reservation,
    right: GivenRight,
    denial: Denial,
    cause: CancelInput['silenced'],
  ): Promise<void> {
    const givenUp = this.#giveUp(reservation, right, cause);
    await within(givenUp, LONGEST_GIVING_UP_MS).catch(() => undefined);
    this.#deny(reservation, denial);
    await givenUp;
  }

  /** Nothing comes of a reservation: whoever was silenced for it has lost his talk, and its own right goes too. */
  async #giveUp(reservation: Reservation, right: GivenRight, cause: CancelInput['silenced']): Promise<void> {
    const { store, withdrawals } = this.#options;
    const { keeper, talkId, token, identity } = reservation;
    const { groupId } = keeper.room;
    const rightGiven = right.given;
    if (identity !== null && rightGiven) withdrawals.begin(groupId, [identity]);
    if (right.unhush !== null) this.#inBackground('let be heard again', right.unhush);
    const silenced = right.silenced ? cause : null;
    await keeper.owe(`cancel ${talkId}`, () => store.cancel({ groupId, talkId, token, silenced, rightGiven }));
  }

  #deny({ keeper, talkId, connection }: Reservation, denial: Denial): void {
    deny(this.#options.telemetry, keeper.room, { talkId, connection, re: null }, denial);
  }

  #inBackground(step: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#options.onError(error, step));
  }
}

/** False when the asker has left, or let go, since he asked. */
function isWanted({ keeper, connection, talkId }: Reservation): boolean {
  const { members, grants } = keeper.room;
  return members.get(connection.id)?.connection === connection && grants.has(talkId);
}
