import type { Change, FloorStore, GroupSnapshot, LogPosition } from '../floor/index.ts';
import type { GroupMedia } from './group-media.ts';
import type { Room, RoomMember } from './room.ts';
import { groupStateText } from './snapshot-text.ts';
import type { TalkLeases } from './talk-leases.ts';
import { Alarm } from './timers.ts';

/** A missing number may still be on its way from the bus; after this it is fetched. */
const CATCH_UP_DELAY_MS = 20;
/** A fetch that failed for want of the store is tried again. */
const RETRY_MS = 500;
/** Snapshots that a member waits for while events come faster; after them the events wait. */
const MOST_SNAPSHOTS = 5;

export interface CatchUpOptions {
  readonly store: FloorStore;
  readonly media: GroupMedia;
  readonly leases: TalkLeases;
  /** Takes in the rights that are to be withdrawn by what was fetched. */
  readonly withdraw: (change: Change) => void;
  /** The store has lost the members of this process: makes them present again. */
  readonly joinAgain: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}

/** Brings one group of this process up to the last event that the store has numbered: what the bus lost is fetched. */
export class CatchUp {
  readonly #room: Room;
  readonly #options: CatchUpOptions;
  readonly #alarm: Alarm;
  #going: Promise<void> | null = null;
  #closed = false;

  constructor(room: Room, options: CatchUpOptions) {
    this.#room = room;
    this.#options = options;
    this.#alarm = new Alarm(() => this.begin());
  }

  /** Fetches what is missing since the last event that was delivered; one fetch at a time. */
  begin(): void {
    this.#alarm.clear();
    if (this.#going !== null || this.#closed) return;
    this.#going = this.#fetchMissed()
      .catch((error: unknown) => {
        this.#options.onError(error);
        this.#alarm.set(RETRY_MS);
      })
      .finally(() => {
        this.#going = null;
      });
  }

  /** As `begin`, unless the bus brings what is missing in a moment. */
  beginSoon(): void {
    if (!this.#alarm.pending && this.#going === null) this.#alarm.set(CATCH_UP_DELAY_MS);
  }

  /** Resolves when every event that the store has numbered by now was delivered here, or could not be fetched. */
  async done(): Promise<void> {
    this.begin();
    await this.#going;
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
    const { store } = this.#options;
    const { groupId } = this.#room;
    let current = snapshot;
    for (let attempt = 0; attempt < MOST_SNAPSHOTS; attempt += 1) {
      if (!this.#delivered(current)) await this.done();
      if (this.#delivered(current)) return tell(current);
      current = await store.snapshot({ groupId, since });
    }
    // Events come faster than snapshots: those that come meanwhile wait for this one.
    entry.waiting = [];
    current = await store.snapshot({ groupId, since });
    tell(current);
    this.#room.admit(entry, current.seq);
  }

  close(): void {
    this.#closed = true;
    this.#alarm.clear();
  }

  #delivered({ epoch, seq }: GroupSnapshot): boolean {
    const { position } = this.#room.sequencer;
    return position?.epoch === epoch && position.seq === seq;
  }

  async #fetchMissed(): Promise<void> {
    const { store, joinAgain, withdraw } = this.#options;
    const { groupId, members, sequencer } = this.#room;
    const since = sequencer.position;
    if (since === null) return;
    let snapshot = await store.snapshot({ groupId, since });
    if (snapshot.epoch === 0 && members.size > 0) {
      await joinAgain();
      snapshot = await store.snapshot({ groupId, since });
    }
    withdraw(snapshot);
    if (snapshot.missed !== null) {
      for (const payload of snapshot.missed) this.#room.accept(payload);
      return;
    }
    if (snapshot.epoch === since.epoch && snapshot.seq <= (sequencer.position?.seq ?? 0)) return;
    await this.#startAnew(snapshot);
  }

  /** Members get the whole state, and after it what came later. */
  async #startAnew(snapshot: GroupSnapshot): Promise<void> {
    const { media, leases } = this.#options;
    const { groupId, members, sequencer } = this.#room;
    const entries = [...members.values()].filter(({ waiting }) => waiting === null);
    for (const entry of entries) entry.waiting = [];
    leases.giveUpOtherThan(snapshot.talk?.talkId ?? null);
    if (snapshot.epoch !== sequencer.position?.epoch) this.#room.losePlaces();
    sequencer.reset(snapshot);
    await Promise.all(
      entries.map(async (entry) => {
        const description = await media.listenDescription(entry);
        const { sessionId } = entry.member;
        entry.connection.sendText(groupStateText({ groupId, sessionId, snapshot, media: description }));
        this.#room.admit(entry, snapshot.seq);
      }),
    );
  }
}
