import { randomUUID } from 'node:crypto';
import { v7 as uuid } from 'uuid';
import type { CancelInput, FloorStore, HandOverEnvelope, RequestInput, RequestOutcome } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import { type MediaServer, MediaUnavailable } from '../media/index.ts';
import type { ClientMessageOf, Media, ServerMessageOf } from '../protocol/index.ts';
import type { Membership } from '../access.ts';
import type { AwaitedGrant, RoomMember } from './room.ts';
import type { RoomKeeper } from './room-keeper.ts';
import type { StreamIds } from './stream-ids.ts';
import type { FloorTelemetry } from './telemetry.ts';
import type { Withdrawals } from './withdrawals.ts';

/** One budget for silencing the old talker and giving the right to the new one (media.md "The rule"). */
const HAND_OVER_BUDGET_MS = 1_500;
/** How often a request is made that meets what is just ending. */
const MOST_ATTEMPTS = 3;

type Denial = Omit<ServerMessageOf<'TALK_DENIED'>, 'type' | 're' | 'groupId'>;

interface Reservation {
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

export interface TalkRequestsOptions {
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly withdrawals: Withdrawals;
  readonly streams: StreamIds;
  readonly telemetry: FloorTelemetry;
  readonly onError: (error: unknown, step: string) => void;
}

/** From the press of the button to the grant: prepare, the right to publish, commit (floor.md "Grant in two steps"). */
export class TalkRequests {
  readonly #options: TalkRequestsOptions;
  /** Turns in the queue that came before the answer `queued`, by talk id. */
  readonly #early = new Map<string, HandOverEnvelope>();

  constructor(options: TalkRequestsOptions) {
    this.#options = options;
  }

  /**
   * Handles one request and answers it. Resolves when its effect on the floor is decided; where the media server has
   * to be asked, the answer follows later.
   */
  async request(
    keeper: RoomKeeper,
    entry: RoomMember,
    membership: Membership,
    message: ClientMessageOf<'REQUEST_TALK'>,
    attempt = 1,
  ): Promise<void> {
    const { store, media } = this.#options;
    const { room } = keeper;
    const { connection, identity } = entry;
    const talkId = uuid();
    const token = randomUUID();
    const askedAtMs = performance.now();
    let outcome: RequestOutcome;
    try {
      const streamId = await this.#options.streams.next();
      const input: RequestInput = {
        groupId: room.groupId,
        member: entry.member,
        talkId,
        token,
        streamId,
        identity,
        queue: message.queue ?? false,
        emergency: message.emergency ?? false,
        oneStep: media.kind === 'none',
        policy: membership.group.settings,
      };
      room.grants.set(talkId, {
        connection,
        asked: [message.id],
        streamId,
        media: await keeper.media.publishDescription(entry, identity),
        identity,
        askedAtMs,
        sentAtMs: performance.now(),
      });
      outcome = await store.request(input);
    } catch (error) {
      this.#options.onError(error, 'request');
      this.#early.delete(talkId);
      this.#deny(keeper, talkId, connection, message.id, { cause: 'unavailable' });
      return;
    }
    if (outcome.status === 'not_joined' && attempt < MOST_ATTEMPTS && room.members.get(connection.id) === entry) {
      // The store has lost its members, and this is how it is found out.
      const isBack = await this.#presentAgain(keeper);
      if (isBack) {
        room.grants.delete(talkId);
        return this.request(keeper, entry, membership, message, attempt + 1);
      }
    }
    if (outcome.status !== 'repeated' && outcome.status !== 'in_progress') {
      const isPreempter = membership.role === 'group_manager' && membership.group.settings.managerPreempts;
      const mayPreempt = message.emergency === true || isPreempter;
      this.#answer(keeper, entry, message.id, { talkId, token, mayPreempt }, outcome);
      return;
    }
    const own = room.grants.get(talkId);
    room.grants.delete(talkId);
    keeper.apply(outcome);
    if (own !== undefined && this.#answerAsBefore(keeper, entry, message.id, outcome, own.media)) return;
    // The talk or request that the store spoke of is over here already.
    if (attempt < MOST_ATTEMPTS) return this.request(keeper, entry, membership, message, attempt + 1);
    connection.send({ type: 'TALK_DENIED', re: message.id, groupId: room.groupId, cause: 'unavailable' });
  }

  async #presentAgain(keeper: RoomKeeper): Promise<boolean> {
    try {
      await keeper.renewNow();
      return true;
    } catch (error) {
      this.#options.onError(error, 'renew');
      return false;
    }
  }

  /** Answers who asks again as he was, or will be, answered before; false when that is over meanwhile. */
  #answerAsBefore(
    keeper: RoomKeeper,
    { connection }: RoomMember,
    re: string,
    outcome: Extract<RequestOutcome, { status: 'repeated' | 'in_progress' }>,
    media: Media,
  ): boolean {
    const { room } = keeper;
    if (outcome.status === 'in_progress') {
      const earlier = [...room.grants.values()].find((grant) => grant.connection === connection);
      earlier?.asked.push(re);
      return earlier !== undefined;
    }
    const { grant, epoch } = outcome;
    const talk = room.honoured.get(grant.talkId);
    if (talk?.connectionId !== connection.id) return false;
    connection.send({ type: 'TALK_GRANTED', re, groupId: room.groupId, epoch, ...grant, media });
    // His media may have joined again, from his new socket, without the right.
    if (!talk.mediaGiven && talk.identity !== null) this.#assertRight(keeper, talk.identity);
    talk.mediaGiven = true;
    return true;
  }

  /** The right of somebody who has the floor, unless he has lost it by then. */
  #assertRight({ room }: RoomKeeper, identity: string): void {
    this.#inBackground('assert right', () => this.#options.media.assertRight(room.groupId, identity));
  }

  /** A waiter's turn: his process gives the right and commits. */
  handOver(keeper: RoomKeeper, note: HandOverEnvelope): void {
    const { room } = keeper;
    const entry = room.members.get(note.connectionId);
    if (entry === undefined) return;
    const awaited = room.grants.get(note.talkId);
    if (awaited !== undefined) {
      // Its turn came before the answer that it waits: that answer takes it up.
      if (awaited.asked.length > 0) this.#early.set(note.talkId, note);
      return;
    }
    room.places.delete(note.connectionId);
    const { connection } = entry;
    const { talkId, token, streamId, identity } = note;
    this.#inBackground('hand over', async () => {
      const media = await keeper.media.publishDescription(entry, identity);
      if (room.grants.has(talkId)) return;
      const askedAtMs = performance.now();
      room.grants.set(talkId, { connection, asked: [], streamId, media, identity, askedAtMs, sentAtMs: askedAtMs });
      const { withdraw } = await this.#options.store.settle({ groupId: room.groupId });
      await this.#drive({ keeper, connection, talkId, token, identity, silence: null, withdraw, mayPreempt: false });
    });
  }

  #answer(
    keeper: RoomKeeper,
    entry: RoomMember,
    re: string,
    { talkId, token, mayPreempt }: { talkId: string; token: string; mayPreempt: boolean },
    outcome: Exclude<RequestOutcome, { status: 'repeated' | 'in_progress' }>,
  ): void {
    const { connection, identity } = entry;
    const { room } = keeper;
    if (outcome.status === 'granted') {
      keeper.apply(outcome);
      return;
    }
    if (outcome.status === 'prepared') {
      keeper.apply({ ...outcome, withdraw: [] });
      const { silence, withdraw } = outcome;
      this.#inBackground('grant', () =>
        this.#drive({ keeper, connection, talkId, token, identity, silence, withdraw, mayPreempt }),
      );
      return;
    }
    switch (outcome.status) {
      case 'queued':
        this.#count(room.grants.get(talkId), 'queued');
        room.grants.delete(talkId);
        room.places.set(connection.id, outcome.position);
        connection.send({ type: 'TALK_QUEUED', re, groupId: room.groupId, position: outcome.position });
        this.#takeUpEarly(keeper, talkId);
        break;
      default:
        this.#deny(keeper, talkId, connection, re, denialOf(outcome));
    }
    keeper.apply(outcome);
  }

  #takeUpEarly(keeper: RoomKeeper, talkId: string): void {
    const note = this.#early.get(talkId);
    this.#early.delete(talkId);
    if (note !== undefined) this.handOver(keeper, note);
  }

  /** Gives the right to publish and commits; whatever goes wrong, the asker gets his one answer. */
  async #drive(reservation: Reservation): Promise<void> {
    const { store } = this.#options;
    const { keeper, connection, talkId, token, identity } = reservation;
    const { groupId } = keeper.room;
    const right = await this.#giveRight(reservation);
    if (right.refused) {
      this.#deny(keeper, talkId, connection, null, { cause: 'media_unavailable' });
      await this.#giveUp(reservation, right, 'media_failed');
      return;
    }
    const policy = connection.memberships.get(groupId)?.group.settings;
    if (policy === undefined || !isWanted(reservation)) {
      this.#deny(keeper, talkId, connection, null, { cause: 'not_joined' });
      await this.#giveUp(reservation, right, 'preempted');
      return;
    }
    const grant = keeper.room.grants.get(talkId);
    if (grant !== undefined) grant.sentAtMs = performance.now();
    try {
      const outcome = await store.commit({ groupId, talkId, token, policy });
      keeper.apply(outcome);
      if (outcome.status === 'granted') return;
      // The event that the release has made answers the asker.
      if (outcome.cause !== 'released') this.#deny(keeper, talkId, connection, null, refusal(outcome.cause, identity));
    } catch (error) {
      this.#options.onError(error, 'commit');
      this.#deny(keeper, talkId, connection, null, { cause: 'unavailable' });
    }
    await this.#giveUp(reservation, right, 'preempted');
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
      if (!silenced && silence !== null) {
        this.#assertRight(reservation.keeper, silence);
      }
      return { refused: true, silenced, unhush, given };
    }
  }

  /** Answers every message that asks for this talk, once; `re` is used when no grant is awaited any more. */
  #deny(keeper: RoomKeeper, talkId: string, connection: Connection, re: string | null, denial: Denial): void {
    const { room } = keeper;
    const grant = room.grants.get(talkId);
    room.grants.delete(talkId);
    if (grant === undefined && re === null) return;
    this.#count(grant, denial.cause);
    const asked =
      grant === undefined || grant.asked.length === 0 ? (re === null ? [{}] : [{ re }]) : named(grant.asked);
    for (const answer of asked) {
      connection.send({ type: 'TALK_DENIED', ...answer, groupId: room.groupId, ...denial });
    }
  }

  #count(grant: AwaitedGrant | undefined, outcome: string): void {
    if (grant === undefined) return;
    this.#options.telemetry.talkRequested({ outcome, tookMs: performance.now() - grant.askedAtMs });
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

function refusal(cause: 'void' | 'not_joined' | 'listen_only' | 'busy', identity: string | null): Denial {
  if (cause !== 'void') return { cause };
  return { cause: identity === null ? 'unavailable' : 'media_unavailable' };
}

function named(asked: readonly string[]): { re: string }[] {
  return asked.map((re) => ({ re }));
}

function denialOf(
  outcome: Exclude<RequestOutcome, { status: 'granted' | 'repeated' | 'prepared' | 'in_progress' | 'queued' }>,
): Denial {
  switch (outcome.status) {
    case 'busy':
    case 'queue_full':
      return { cause: outcome.status, ...(outcome.holder === null ? {} : { holder: outcome.holder }) };
    case 'cooldown':
      return { cause: 'cooldown', retryAfterMs: outcome.retryAfterMs };
    case 'quiet':
      return { cause: 'unavailable', retryAfterMs: outcome.retryAfterMs };
    case 'listen_only':
    case 'not_joined':
      return { cause: outcome.status };
    default:
      return outcome satisfies never;
  }
}
