import { randomUUID } from 'node:crypto';
import { v7 as uuid } from 'uuid';
import type { FloorStore, HandOverEnvelope, RequestInput, RequestOutcome } from '../floor/index.ts';
import type { MediaServer } from '../media/index.ts';
import type { ClientMessageOf, Media } from '../protocol/index.ts';
import type { Membership } from '../access.ts';
import type { RoomMember } from './room.ts';
import type { RoomKeeper } from './room-keeper.ts';
import type { StreamIds } from './stream-ids.ts';
import { countAnswer, deny, denialOfRequest } from './talk-denials.ts';
import type { FloorTelemetry } from './telemetry.ts';
import { TwoStepGrants } from './two-step-grants.ts';
import type { Withdrawals } from './withdrawals.ts';

/** How often a request is made that meets what is just ending. */
const MOST_ATTEMPTS = 3;

export interface TalkRequestsOptions {
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly withdrawals: Withdrawals;
  readonly streams: StreamIds;
  readonly telemetry: FloorTelemetry;
  readonly onError: (error: unknown, step: string) => void;
}

/** Takes presses of the button, and turns in the queue, to the store and answers them; a reservation goes on from there. */
export class TalkRequests {
  readonly #options: TalkRequestsOptions;
  readonly #grants: TwoStepGrants;
  /** Turns in the queue that came before the answer `queued`, by talk id. */
  readonly #early = new Map<string, HandOverEnvelope>();

  constructor(options: TalkRequestsOptions) {
    this.#options = options;
    this.#grants = new TwoStepGrants(options);
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
      deny(this.#options.telemetry, room, { talkId, connection, re: message.id }, { cause: 'unavailable' });
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
    if (!talk.mediaGiven && talk.identity !== null) this.#grants.assertRight(room.groupId, talk.identity);
    talk.mediaGiven = true;
    return true;
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
      await this.#grants.drive({
        keeper,
        connection,
        talkId,
        token,
        identity,
        silence: null,
        withdraw,
        mayPreempt: false,
      });
    });
  }

  #answer(
    keeper: RoomKeeper,
    entry: RoomMember,
    re: string,
    { talkId, token, mayPreempt }: { talkId: string; token: string; mayPreempt: boolean },
    outcome: Exclude<RequestOutcome, { status: 'repeated' | 'in_progress' }>,
  ): void {
    const { telemetry } = this.#options;
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
        this.#grants.drive({ keeper, connection, talkId, token, identity, silence, withdraw, mayPreempt }),
      );
      return;
    }
    switch (outcome.status) {
      case 'queued':
        countAnswer(telemetry, room.grants.get(talkId), 'queued');
        room.grants.delete(talkId);
        room.places.set(connection.id, outcome.position);
        connection.send({ type: 'TALK_QUEUED', re, groupId: room.groupId, position: outcome.position });
        this.#takeUpEarly(keeper, talkId);
        break;
      default:
        deny(telemetry, room, { talkId, connection, re }, denialOfRequest(outcome));
    }
    keeper.apply(outcome);
  }

  #takeUpEarly(keeper: RoomKeeper, talkId: string): void {
    const note = this.#early.get(talkId);
    this.#early.delete(talkId);
    if (note !== undefined) this.handOver(keeper, note);
  }

  #inBackground(step: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => this.#options.onError(error, step));
  }
}
