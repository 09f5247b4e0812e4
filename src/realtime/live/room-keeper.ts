import { v7 as uuid } from 'uuid';
import {
  type Change,
  type FloorStore,
  type FloorTimings,
  generationOf,
  type GroupSnapshot,
  type JoinOutcome,
  type LogPosition,
} from '../floor/index.ts';
import type { FloorAudit } from '../access.ts';
import type { Connection } from '../gateway/index.ts';
import { type MediaServer } from '../media/index.ts';
import { type Media, serverMessages } from '../protocol/index.ts';
import { relayMedia, type VoiceRelay } from '../relay/index.ts';
import { hushPreempted, rightOf } from './media-of-talks.ts';
import { Room, type RoomEvents, type RoomMember } from './room.ts';
import { groupStateText } from './snapshot-text.ts';
import type { LedgerTalk, TalkLedger } from './talk-ledger.ts';
import type { TalkerWatch } from './talker-watch.ts';
import { Alarm } from './timers.ts';
import type { FloorTelemetry } from './telemetry.ts';
import type { Withdrawals } from './withdrawals.ts';

/** A missing number may still be on its way from the bus; after this it is fetched. */
const HEAL_DELAY_MS = 20;
/** What is due is due by the store's clock: asked a little later, it is. */
const SETTLE_MARGIN_MS = 3;
/** A talk is given up this long before its lease can lapse. */
const LEASE_MARGIN_MS = 500;
/** Rights that somebody else ought to be withdrawing are left to him for this long. */
const STALE_RIGHTS_MS = 2_000;
/** A step that failed for want of the store is tried again. */
const RETRY_MS = 500;
/** Snapshots that a member waits for while events come faster; after them the events wait. */
const MOST_SNAPSHOTS = 5;

const startedTalk = serverMessages.TALK_STARTED.pick({ speaker: true, emergency: true });

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
  readonly #options: KeeperOptions;
  readonly #settleAlarm: Alarm;
  readonly #healAlarm: Alarm;
  /** Steps that must still happen, by name: the store was away when their time came. */
  readonly #owed = new Map<string, () => Promise<Change>>();
  /** Since when rights without floor are seen, by identity. */
  readonly #staleSince = new Map<string, number>();
  #healing: Promise<void> | null = null;
  #renewedAtMs = performance.now();
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#settleAlarm = new Alarm(() => this.#inBackground('settle', () => this.#settle()));
    this.#healAlarm = new Alarm(() => this.heal());
    this.room = new Room(options.groupId, options.timings.leaseMs, options.watch, {
      onGap: () => this.#healSoon(),
      onNewEpoch: () => this.heal(),
      onHandOver: (note) => options.onHandOver(this, note),
      onUnansweredGrant: (talkId) => this.#endUnanswered(talkId),
      onAudience: () => options.relay.called(options.groupId),
      onHush: (talkId, forMs) => options.relay.hush(talkId, forMs),
      onStarted: ({ talkId, connectionId, emergency, epoch, bytes }, grant) => {
        if (emergency)
          this.#recordEmergency(talkId, grant?.connection ?? this.room.members.get(connectionId)?.connection);
        this.#remember(epoch, { talkId, elapsedMs: 0, describe: () => startedTalk.parse(JSON.parse(bytes)) });
        if (grant !== null) {
          const userId = grant.connection.user.id;
          options.telemetry.talkRequested({ outcome: 'granted', tookMs: performance.now() - grant.askedAtMs });
          options.telemetry.talkStarted({ groupId: options.groupId, talkId, userId });
          this.carry(talkId, grant.streamId);
        }
        if (!this.#settleAlarm.pending) this.#settleAlarm.set(options.timings.leaseMs + SETTLE_MARGIN_MS);
      },
      onEnded: ({ talkId, cause, durationMs }, wasHonoured) => {
        options.ledger.ended(talkId, cause);
        options.relay.end(talkId);
        if (wasHonoured) options.telemetry.talkEnded({ groupId: options.groupId, talkId, cause, durationMs });
        this.#staleSince.clear();
      },
    });
  }

  /** The talker's process records it, also when nobody waits for the grant any more. */
  #recordEmergency(talkId: string, talker: Connection | undefined): void {
    if (talker === undefined) return;
    const { groupId, audit } = this.#options;
    audit.emergencyGranted({ by: { userId: talker.user.id, requestId: talker.requestId }, groupId, talkId });
  }

  /** Nothing of this process is left in the group. */
  get idle(): boolean {
    return this.room.members.size === 0 && this.room.honoured.size === 0 && this.#owed.size === 0;
  }

  /** Takes in where a join has arrived: the voice session, and the talk that is open in it. */
  arrived({ epoch, voiceSessionId, talk }: JoinOutcome): void {
    this.room.voiceSessionId = voiceSessionId;
    if (talk !== null) this.#remember(epoch, { ...talk, describe: () => talk });
  }

  /**
   * Lets the audio packets of a talk of this process pass when its talker sends such, and watches over his silence where
   * it is a talk of audio packets, also when he is back without audio. A talk that stands on a right to publish stays
   * with the media server to its end: else its talker had two voices.
   */
  carry(talkId: string, streamId: number): void {
    const { groupId, honoured, members } = this.room;
    const { relay, media } = this.#options;
    const lease = honoured.get(talkId);
    if (lease === undefined || lease.identity !== null) return;
    const sendsAudio = members.get(lease.connectionId)?.audio === true;
    const isOfAudio = relay.carries(talkId) || media.kind === 'livekit';
    if (!sendsAudio && !isOfAudio) return;
    relay.begin({ groupId, talkId, streamId, connectionId: lease.connectionId, lease }, sendsAudio);
  }

  /** As `rightOf`. */
  rightOf(talkId: string): Promise<string | null | undefined> {
    return rightOf(this.#options, this.room, talkId);
  }

  /** As `hushPreempted`. */
  hushPreempted(): Promise<(() => Promise<void>) | null> {
    return hushPreempted(this.#options);
  }

  /** Ends a talk whose sound cannot be carried. Throws `FloorStoreUnavailable`; it is ended all the same, later. */
  failMedia(talkId: string): Promise<void> {
    const { groupId } = this.room;
    const { store } = this.#options;
    return this.owe(`end ${talkId}`, () => store.end({ groupId, talkId, cause: 'media_failed' }));
  }

  /** Takes in what a step did: its events, the rights to withdraw, and when to look again. */
  apply(change: Change): void {
    for (const payload of change.published) this.room.accept(payload);
    this.#withdraw(change);
    this.#settleAlarm.set(change.dueInMs === null ? null : change.dueInMs + SETTLE_MARGIN_MS);
    const { position } = this.room.sequencer;
    if (position === null) return;
    if (change.epoch !== position.epoch) this.heal();
    else if (change.seq > position.seq) this.#healSoon();
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

  /** Called a few times a second: renews when it is time and gives up what could not be renewed. */
  async tick(nowMs: number): Promise<void> {
    this.#giveUpLapsed(nowMs);
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
    await this.#renew();
  }

  /** Fetches what is missing since the last event that was delivered; one fetch at a time. */
  heal(): void {
    this.#healAlarm.clear();
    if (this.#healing !== null || this.#closed) return;
    this.#healing = this.#fetchMissed()
      .catch((error: unknown) => {
        this.#options.onError(error, 'heal');
        this.#healAlarm.set(RETRY_MS);
      })
      .finally(() => {
        this.#healing = null;
      });
  }

  /** Resolves when every event that the store has numbered by now was delivered here. */
  async catchUp(): Promise<void> {
    this.heal();
    await this.#healing;
  }

  /**
   * Tells who hears the events already what is, with a snapshot of just what was delivered here. It is sent in the turn
   * that found it to be so: no event comes between.
   */
  async tellInStep(
    entry: RoomMember,
    snapshot: GroupSnapshot,
    since: LogPosition | null,
    tell: (current: GroupSnapshot) => void,
  ): Promise<void> {
    const { groupId } = this.room;
    let current = snapshot;
    for (let attempt = 0; attempt < MOST_SNAPSHOTS; attempt += 1) {
      if (!this.#delivered(current)) await this.catchUp();
      if (this.#delivered(current)) return tell(current);
      current = await this.#options.store.snapshot({ groupId, since });
    }
    // Events come faster than snapshots: those that come meanwhile wait for this one.
    entry.waiting = [];
    current = await this.#options.store.snapshot({ groupId, since });
    tell(current);
    this.room.admit(entry, current.seq);
  }

  #delivered({ epoch, seq }: GroupSnapshot): boolean {
    const { position } = this.room.sequencer;
    return position?.epoch === epoch && position.seq === seq;
  }

  close(): void {
    this.#closed = true;
    this.#settleAlarm.clear();
    this.#healAlarm.clear();
  }

  /** What a member is told of his media when he may only listen. */
  async listenMedia(entry: Pick<RoomMember, 'identity' | 'audio'>): Promise<Media> {
    if (entry.audio) return relayMedia;
    if (entry.identity === null) return { kind: 'none' };
    return this.#options.media.listenDescription(this.room.groupId, entry.identity);
  }

  #healSoon(): void {
    if (!this.#healAlarm.pending && this.#healing === null) this.#healAlarm.set(HEAL_DELAY_MS);
  }

  /** Where nobody of this process is, the voice session may be another by now: its talks are left to those who are. */
  #remember(epoch: number, talk: Pick<LedgerTalk, 'talkId' | 'elapsedMs' | 'describe'>): void {
    const { voiceSessionId, groupId, members } = this.room;
    if (voiceSessionId === null || members.size === 0) return;
    const { talkId, elapsedMs, describe } = talk;
    const generation = generationOf(epoch);
    this.#options.ledger.started({ groupId, voiceSessionId, talkId, generation, elapsedMs, describe });
  }

  async #settle(): Promise<void> {
    this.apply(await this.#options.store.settle({ groupId: this.room.groupId }));
  }

  async #renew(): Promise<void> {
    const { store } = this.#options;
    const { room } = this;
    const sentAtMs = performance.now();
    const talkIds = [...room.honoured.keys()];
    const outcome = await store.renew({
      groupId: room.groupId,
      honouredTalkIds: [...talkIds, ...room.grants.keys()],
      members: [...room.members.values()].filter((entry) => entry.sent).length,
    });
    for (const talkId of talkIds) {
      const talk = room.honoured.get(talkId);
      if (talk !== undefined) talk.leaseEndsAtMs = sentAtMs + this.#options.timings.leaseMs;
    }
    if (!outcome.known && room.members.size > 0) await this.#joinAgain();
    this.apply(outcome);
  }

  /** The store lost this process's members (it was frozen, or the store is new): they are present again. */
  async #joinAgain(): Promise<void> {
    this.room.losePlaces();
    const afterEpoch = this.room.sequencer.position?.epoch ?? 0;
    for (const { connection, member, sent } of this.room.members.values()) {
      if (!connection.open || !sent) continue;
      const { groupId } = this.room;
      const input = { groupId, member, voiceSessionId: uuid(), since: null, afterEpoch, again: true };
      this.arrived(await this.#options.store.join(input));
    }
  }

  async #fetchMissed(): Promise<void> {
    const { store } = this.#options;
    const { groupId, members, sequencer } = this.room;
    const since = sequencer.position;
    if (since === null) return;
    let snapshot = await store.snapshot({ groupId, since });
    if (snapshot.epoch === 0 && members.size > 0) {
      await this.#joinAgain();
      snapshot = await store.snapshot({ groupId, since });
    }
    this.#withdraw(snapshot);
    if (snapshot.missed !== null) {
      for (const payload of snapshot.missed) this.room.accept(payload);
      return;
    }
    if (snapshot.epoch === since.epoch && snapshot.seq <= (sequencer.position?.seq ?? 0)) return;
    await this.#startAnew(snapshot);
  }

  /** Members get the whole state, and after it what came later. */
  async #startAnew(snapshot: GroupSnapshot): Promise<void> {
    const entries = [...this.room.members.values()].filter(({ waiting }) => waiting === null);
    for (const entry of entries) entry.waiting = [];
    this.#giveUpOtherThan(snapshot.talk?.talkId ?? null);
    if (snapshot.epoch !== this.room.sequencer.position?.epoch) this.room.losePlaces();
    this.room.sequencer.reset(snapshot);
    await Promise.all(
      entries.map(async (entry) => {
        const media = await this.listenMedia(entry);
        const { sessionId } = entry.member;
        entry.connection.sendText(groupStateText({ groupId: this.room.groupId, sessionId, snapshot, media }));
        this.room.admit(entry, snapshot.seq);
      }),
    );
  }

  #giveUpOtherThan(openTalkId: string | null): void {
    for (const talkId of [...this.room.honoured.keys()]) if (talkId !== openTalkId) this.#giveUp(talkId);
  }

  #giveUpLapsed(nowMs: number): void {
    for (const [talkId, { leaseEndsAtMs }] of [...this.room.honoured]) {
      if (nowMs >= leaseEndsAtMs - LEASE_MARGIN_MS) this.#giveUp(talkId);
    }
  }

  /** The talk cannot be vouched for any more: its talker is told and his right withdrawn, whatever the store says. */
  #giveUp(talkId: string): void {
    const talk = this.room.honoured.get(talkId);
    this.room.honoured.delete(talkId);
    this.#options.relay.end(talkId);
    if (talk === undefined) return;
    const entry = this.room.members.get(talk.connectionId);
    if (entry !== undefined) {
      this.#options.watch.end(entry.connection, this.room.groupId);
      this.room.tellRevoked(entry.connection, talkId, 'expired', 0);
    }
    if (talk.identity !== null) this.#options.withdrawals.begin(this.room.groupId, [talk.identity]);
  }

  /** Its asker was told that nothing came of it, so nothing may. */
  #endUnanswered(talkId: string): void {
    const { groupId } = this.room;
    const { store } = this.#options;
    this.#inBackground('end unanswered', () =>
      this.owe(`end ${talkId}`, () => store.end({ groupId, talkId, cause: 'lost' })),
    );
  }

  /** At once where this process's step took the right away, later where another process ought to be doing it. */
  #withdraw(change: Change): void {
    const { withdrawals } = this.#options;
    if (change.withdraw.length === 0) return;
    if (change.published.length > 0) {
      withdrawals.begin(this.room.groupId, change.withdraw);
      return;
    }
    const nowMs = performance.now();
    for (const identity of change.withdraw) {
      const since = this.#staleSince.get(identity) ?? nowMs;
      this.#staleSince.set(identity, since);
      if (nowMs - since >= STALE_RIGHTS_MS) withdrawals.begin(this.room.groupId, [identity]);
    }
  }

  #inBackground(step: string, work: () => Promise<void>): void {
    work().catch((error: unknown) => {
      this.#options.onError(error, step);
      if (step === 'settle' && !this.#closed) this.#settleAlarm.set(RETRY_MS);
    });
  }
}
