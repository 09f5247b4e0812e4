import { v7 as uuid } from 'uuid';
import type { Change, FloorStore, FloorTimings, JoinOutcome } from '../floor/index.ts';
import type { FloorAudit } from '../access.ts';
import type { MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import { CatchUp } from './catch-up.ts';
import { GroupMedia } from './group-media.ts';
import { Room, type RoomEvents } from './room.ts';
import { StaleRights } from './stale-rights.ts';
import { TalkLeases } from './talk-leases.ts';
import type { TalkLedger } from './talk-ledger.ts';
import { TalkRecords } from './talk-records.ts';
import type { TalkerWatch } from './talker-watch.ts';
import { Alarm } from './timers.ts';
import type { FloorTelemetry } from './telemetry.ts';
import type { Withdrawals } from './withdrawals.ts';

/** What is due is due by the store's clock: asked a little later, it is. */
const SETTLE_MARGIN_MS = 3;
/** A step that failed for want of the store is tried again. */
const RETRY_MS = 500;

export interface KeeperOptions {
  readonly groupId: string;
  readonly store: FloorStore;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly withdrawals: Withdrawals;
  readonly timings: FloorTimings;
  readonly telemetry: FloorTelemetry;
  readonly audit: FloorAudit;
  readonly watch: TalkerWatch;
  readonly ledger: TalkLedger;
  readonly onHandOver: (keeper: RoomKeeper, note: Parameters<RoomEvents['onHandOver']>[0]) => void;
  readonly onError: (error: unknown, step: string) => void;
}

/**
 * Keeps one group of this process true to the live store: renews its leases, lets what is due happen, fetches what the
 * bus lost, and repeats what the store could not take.
 */
export class RoomKeeper {
  readonly room: Room;
  readonly media: GroupMedia;
  readonly catchUp: CatchUp;
  readonly #options: KeeperOptions;
  readonly #leases: TalkLeases;
  readonly #records: TalkRecords;
  readonly #staleRights: StaleRights;
  readonly #settleAlarm: Alarm;
  /** Steps that must still happen, by name: the store was away when their time came. */
  readonly #owed = new Map<string, () => Promise<Change>>();
  #renewedAtMs = performance.now();
  #closed = false;

  constructor(options: KeeperOptions) {
    const { groupId, store, timings, watch, onError } = options;
    this.#options = options;
    this.room = new Room(groupId, timings.leaseMs, watch, this.#roomEvents());
    this.media = new GroupMedia(this.room, options);
    this.#leases = new TalkLeases(this.room, options);
    this.#records = new TalkRecords(this.room, options);
    this.#staleRights = new StaleRights(groupId, options.withdrawals);
    this.#settleAlarm = new Alarm(() => this.#inBackground('settle', () => this.#settle()));
    this.catchUp = new CatchUp(this.room, {
      store,
      media: this.media,
      leases: this.#leases,
      withdraw: (change) => this.#staleRights.withdraw(change),
      joinAgain: () => this.#joinAgain(),
      onError: (error) => onError(error, 'heal'),
    });
  }

  #roomEvents(): RoomEvents {
    const { groupId, relay, timings, onHandOver } = this.#options;
    return {
      onGap: () => this.catchUp.beginSoon(),
      onNewEpoch: () => this.catchUp.begin(),
      onHandOver: (note) => onHandOver(this, note),
      onUnansweredGrant: (talkId) => this.#endUnanswered(talkId),
      onAudience: () => relay.called(groupId),
      onHush: (talkId, forMs) => relay.hush(talkId, forMs),
      onStarted: (event, grant) => {
        this.#records.started(event, grant);
        if (grant !== null) this.media.carry(event.talkId, grant.streamId);
        if (!this.#settleAlarm.pending) this.#settleAlarm.set(timings.leaseMs + SETTLE_MARGIN_MS);
      },
      onEnded: (event, wasHonoured) => {
        this.#records.ended(event, wasHonoured);
        relay.end(event.talkId);
        this.#staleRights.startAnew();
      },
    };
  }

  /** Nothing of this process is left in the group. */
  get idle(): boolean {
    return this.room.members.size === 0 && this.room.honoured.size === 0 && this.#owed.size === 0;
  }

  /** Takes in where a join has arrived: the voice session, and the talk that is open in it. */
  arrived(outcome: JoinOutcome): void {
    this.#records.arrived(outcome);
  }

  /** Takes in what a step did: its events, the rights to withdraw, and when to look again. */
  apply(change: Change): void {
    for (const payload of change.published) this.room.accept(payload);
    this.#staleRights.withdraw(change);
    this.#settleAlarm.set(change.dueInMs === null ? null : change.dueInMs + SETTLE_MARGIN_MS);
    const { position } = this.room.sequencer;
    if (position === null) return;
    if (change.epoch !== position.epoch) this.catchUp.begin();
    else if (change.seq > position.seq) this.catchUp.beginSoon();
  }

  /** Does a step now, and again until the store has taken it. */
  async owe(name: string, step: () => Promise<Change>): Promise<void> {
    try {
      this.apply(await step());
    } catch (error) {
      this.#owed.set(name, step);
      throw error;
    }
  }

  /** Ends a talk whose sound cannot be carried. Throws `FloorStoreUnavailable`; it is ended all the same, later. */
  failMedia(talkId: string): Promise<void> {
    const { groupId, store } = this.#options;
    return this.owe(`end ${talkId}`, () => store.end({ groupId, talkId, cause: 'media_failed' }));
  }

  /** Called a few times a second: renews when it is time and gives up what could not be renewed. */
  async tick(nowMs: number): Promise<void> {
    this.#leases.giveUpLapsed(nowMs);
    if (nowMs - this.#renewedAtMs < this.#options.timings.renewMs && this.#owed.size === 0) return;
    await this.renewNow();
    for (const [name, step] of [...this.#owed]) {
      const change = await step();
      this.#owed.delete(name);
      this.apply(change);
    }
  }

  /** Renews now. What the store has lost of this process's members is there again afterwards. */
  async renewNow(): Promise<void> {
    this.#renewedAtMs = performance.now();
    const outcome = await this.#leases.renew();
    if (!outcome.known && this.room.members.size > 0) await this.#joinAgain();
    this.apply(outcome);
  }

  close(): void {
    this.#closed = true;
    this.#settleAlarm.clear();
    this.catchUp.close();
  }

  async #settle(): Promise<void> {
    const { groupId, store } = this.#options;
    this.apply(await store.settle({ groupId }));
  }

  /** The store lost this process's members (it was frozen, or the store is new): they are present again. */
  async #joinAgain(): Promise<void> {
    const { groupId, store } = this.#options;
    this.room.losePlaces();
    const afterEpoch = this.room.sequencer.position?.epoch ?? 0;
    for (const { connection, member, sent } of this.room.members.values()) {
      if (!connection.open || !sent) continue;
      const input = { groupId, member, voiceSessionId: uuid(), since: null, afterEpoch, again: true };
      this.arrived(await store.join(input));
    }
  }

  /** Its asker was told that nothing came of it, so nothing may. */
  #endUnanswered(talkId: string): void {
    const { groupId, store } = this.#options;
    this.#inBackground('end unanswered', () =>
      this.owe(`end ${talkId}`, () => store.end({ groupId, talkId, cause: 'lost' })),
    );
  }

  #inBackground(step: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      this.#options.onError(error, step);
      if (step === 'settle' && !this.#closed) this.#settleAlarm.set(RETRY_MS);
    });
  }
}
