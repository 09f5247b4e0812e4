import type { Bus, Unsubscribe } from '../bus/index.ts';
import type { Change, FloorStore, FloorTimings } from '../floor/index.ts';
import type { Connection } from '../gateway/index.ts';
import type { MediaServer } from '../media/index.ts';
import type { VoiceRelay } from '../relay/index.ts';
import type { FloorAudit } from '../access.ts';
import type { RoomMember } from './room.ts';
import { type KeeperOptions, RoomKeeper } from './room-keeper.ts';
import type { TalkLedger } from './talk-ledger.ts';
import { TalkerWatch } from './talker-watch.ts';
import type { FloorTelemetry } from './telemetry.ts';
import { Withdrawals } from './withdrawals.ts';

/** How long a process goes on listening to a group that its last member left. */
const SUBSCRIPTION_LINGER_MS = 5_000;
const TICK_MS = 500;

/** A group that this process listens to. */
export interface OpenGroup {
  readonly keeper: RoomKeeper;
  /** Resolves when the group's channel is subscribed. */
  readonly standing: Promise<Unsubscribe>;
  /** Since when nothing of this process is in it, monotonic; null while something is. */
  idleSinceMs: number | null;
}

export interface LiveGroupsOptions {
  readonly store: FloorStore;
  readonly bus: Bus;
  readonly media: MediaServer;
  readonly relay: VoiceRelay;
  readonly timings: FloorTimings;
  readonly telemetry: FloorTelemetry;
  readonly ledger: TalkLedger;
  readonly audit: FloorAudit;
  readonly onHandOver: KeeperOptions['onHandOver'];
  readonly onError: (error: unknown, step: string) => void;
}

/** The groups in which this process has members, each with its subscription and its upkeep. */
export class LiveGroups {
  readonly watch = new TalkerWatch();
  readonly withdrawals: Withdrawals;
  readonly #options: LiveGroupsOptions;
  readonly #open = new Map<string, OpenGroup>();
  #ticker: NodeJS.Timeout | null = null;

  constructor(options: LiveGroupsOptions) {
    this.#options = options;
    this.withdrawals = new Withdrawals({
      media: options.media,
      cleared: (groupId, identities) => options.store.rightsCleared({ groupId, identities }),
      onError: (error) => options.onError(error, 'withdraw'),
    });
  }

  start(): void {
    this.#ticker ??= setInterval(() => this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  stop(): void {
    if (this.#ticker !== null) clearInterval(this.#ticker);
    this.#ticker = null;
    for (const [groupId, group] of [...this.#open]) this.#drop(groupId, group);
  }

  /** What keeps a group; undefined where this process does not listen to it. */
  keeper(groupId: string): RoomKeeper | undefined {
    return this.#open.get(groupId)?.keeper;
  }

  /** This connection's place in a group; undefined when it has not joined. */
  entry(groupId: string, connection: Connection): RoomMember | undefined {
    return this.keeper(groupId)?.room.members.get(connection.id);
  }

  /** The groups that this process listens to. */
  *keepers(): Generator<RoomKeeper> {
    for (const { keeper } of this.#open.values()) yield keeper;
  }

  /** The groups in which this process has members or a talk, or had a moment ago. */
  present(): string[] {
    return [...this.#open.keys()];
  }

  /** The group, listened to from now on, for as long as something of this process is in it. */
  open(groupId: string): OpenGroup {
    const open = this.#open.get(groupId);
    if (open !== undefined) {
      open.idleSinceMs = null;
      return open;
    }
    const { bus, onError } = this.#options;
    const keeper = new RoomKeeper({ ...this.#options, groupId, withdrawals: this.withdrawals, watch: this.watch });
    const standing = bus.subscribeGroup(groupId, {
      onMessage: (payload) => keeper.room.accept(payload),
      onGap: () => keeper.catchUp.begin(),
    });
    const group: OpenGroup = { keeper, standing, idleSinceMs: null };
    this.#open.set(groupId, group);
    standing.catch((error: unknown) => {
      onError(error, 'subscribe');
      this.#drop(groupId, group);
    });
    return group;
  }

  /** Takes in what a step did to a group, whether this process has members there or not. */
  apply(groupId: string, change: Change): void {
    const keeper = this.keeper(groupId);
    if (keeper === undefined) this.withdrawals.begin(groupId, change.withdraw);
    else keeper.apply(change);
  }

  /** A connection is not in the group any more, as far as this process goes. */
  forget(groupId: string, connection: Connection): void {
    this.#options.relay.leave(groupId, connection);
    this.keeper(groupId)?.room.remove(connection.id);
    this.watch.end(connection, groupId);
    connection.joined.delete(groupId);
  }

  #drop(groupId: string, group: OpenGroup): void {
    group.keeper.close();
    if (this.#open.get(groupId) === group) this.#open.delete(groupId);
    group.standing.then(
      (unsubscribe) => unsubscribe(),
      () => {
        // It never stood; `open` has reported why.
      },
    );
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const [groupId, group] of this.#open) {
      if (group.keeper.idle) {
        group.idleSinceMs ??= nowMs;
        if (nowMs - group.idleSinceMs >= SUBSCRIPTION_LINGER_MS) this.#drop(groupId, group);
        continue;
      }
      group.idleSinceMs = null;
      group.keeper.tick(nowMs).catch((error: unknown) => this.#options.onError(error, 'renew'));
    }
  }
}
